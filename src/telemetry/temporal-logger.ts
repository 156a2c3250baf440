import type { Logger as TemporalLogger, LogLevel as TemporalLevel, LogMetadata } from '@temporalio/common';
import type { Logger } from 'pino';
import type { LogLevel } from './log';
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
/** What the SDK adds to every line of workflow and activity code. */
const OF_THE_SDK = /^(event|namespace|workflowType|activityId|taskToken|isLocal|sdkComponent|taskQueue|attempt)$/;

// One of the two workers of a process polls no workflows, by design.
const NO_NEWS = /^No .* registered, not polling/;
// Five lines a second while the server is away; `temporal.unreachable` tells it once, and louder with time.
const RETRIES = 'temporalio_client::retry';

const WARN_AFTER_FAILURES = 3;
const ERROR_AFTER_FAILURES = 10;

type Fields = Record<string, unknown>;

function withStream(fields: Fields): Fields {
  const { workflow } = fields;
  const stream = typeof workflow === 'string' ? streamOf(workflow) : undefined;
  return stream === undefined ? fields : { stream, ...fields };
}

/** Temporal's names in ours; what is only noise to a reader (task tokens, namespaces) stays out. */
const ofTemporal = (meta: LogMetadata): Fields =>
  Object.fromEntries(
    Object.entries(meta).flatMap(([name, value]) => {
      const ours = NAMES[name];
      return ours === undefined ? [] : [[ours, value]];
    }),
  );

/** A line of our own workflow code: all of its fields, and its own event name. */
const ofWorkflow = (meta: LogMetadata): Fields =>
  Object.fromEntries(
    Object.entries(meta)
      .filter(([name]) => !OF_THE_SDK.test(name))
      .map(([name, value]) => [NAMES[name] ?? name, value]),
  );

/** A stream that fails again and again gets louder; one that waits for a person is loud at once. */
function loudness({ event, kind, failures }: LogMetadata, level: LogLevel): LogLevel {
  if (event !== 'stream.failed') return level;
  if ((kind !== 'retry' && kind !== 'fenced') || Number(failures) >= ERROR_AFTER_FAILURES) return 'error';
  return Number(failures) >= WARN_AFTER_FAILURES ? 'warn' : level;
}

/** Lines of the SDK, of its native core, and of workflow code (`log` of @temporalio/workflow), in this project's format. */
export function temporalLogger(logger: Logger): TemporalLogger {
  const write = (level: TemporalLevel, message: string, meta: LogMetadata = {}): void => {
    const named = level.toLowerCase() as Lowercase<TemporalLevel>;
    const { event } = meta as { event?: unknown };
    if (typeof event === 'string') {
      logger[loudness(meta, named)](withStream(ofWorkflow(meta)), event);
      return;
    }
    const quiet = NO_NEWS.test(message) || meta['target'] === RETRIES;
    logger[quiet ? 'debug' : named]({ ...withStream(ofTemporal(meta)), message }, 'temporal');
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
