import type { Logger as TemporalLogger, LogLevel as TemporalLevel, LogMetadata } from '@temporalio/common';
import type { Logger } from 'pino';
import { streamOf } from './stream-of';

const NAMES: Readonly<Record<string, string>> = {
  workflowId: 'workflow',
  runId: 'run',
  workflowRunId: 'run',
  activityType: 'activity',
  sdkComponent: 'component',
  taskQueue: 'taskQueue',
  attempt: 'attempt',
  error: 'err',
  state: 'state',
  target: 'target',
};

/** Temporal's names in ours; what is only noise to a reader (task tokens, namespaces) stays out. */
function fieldsOf(meta: LogMetadata = {}): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(meta)) {
    const ours = NAMES[name];
    if (ours !== undefined) fields[ours] = value;
  }
  const workflow = fields['workflow'];
  const stream = typeof workflow === 'string' ? streamOf(workflow) : undefined;
  return stream === undefined ? fields : { stream, ...fields };
}

// One of the two workers of a process polls no workflows, by design.
const NO_NEWS = /^No .* registered, not polling/;
// Five lines a second while the server is away; `temporal.unreachable` tells it once, and louder with time.
const RETRIES = 'temporalio_client::retry';

/** Lines of the SDK, of its native core, and of workflow code (`log` of @temporalio/workflow), in this project's format. */
export function temporalLogger(logger: Logger): TemporalLogger {
  const write = (level: TemporalLevel, message: string, meta?: LogMetadata): void => {
    const quiet = NO_NEWS.test(message) || meta?.['target'] === RETRIES;
    const name = quiet ? 'debug' : (level.toLowerCase() as Lowercase<TemporalLevel>);
    if (!logger.isLevelEnabled(name)) return;
    logger[name]({ ...fieldsOf(meta), message }, 'temporal');
  };
  return {
    log: write,
    trace: (message, meta) => write('TRACE', message, meta),
    debug: (message, meta) => write('DEBUG', message, meta),
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}
