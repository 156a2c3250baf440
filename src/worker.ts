#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { serviceSchema } from './config/schema';
import { reasonFor } from './worker/failure';
import { relaxHeap } from './worker/heap';
import { runWorker, type WorkerOptions } from './worker/run';
import { version } from './worker/version';

export { runWorker };
export type { RunningWorker, WorkerOptions } from './worker/run';

const USAGE = `usage: node worker.js [-f FILE] [--identity NAME]

  -f, --file FILE   the configuration: its service section, and the streams to apply at start (also TRIBUTARY_CONFIG)
  --identity NAME   the same after each restart, and of no other worker (also TRIBUTARY_WORKER_IDENTITY)
  -V, --version     print the version
  -h, --help        print this help
`;

const DRAINED = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

async function optionsFrom(file: string | undefined): Promise<WorkerOptions> {
  if (file === undefined) return { service: serviceSchema.parse({}) };
  // Only here: a container often has no file, and starts sooner without the parser.
  const [{ loadConfig }, { toSpec }] = await Promise.all([import('./config/load'), import('./config/spec')]);
  const config = loadConfig(file);
  return { service: config.service, apply: config.streams.map(({ id }) => toSpec(config, id)) };
}

/** The first signal drains; a second one ends the process with what is in flight. */
function untilSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(FAILED);
    controller.abort();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return controller.signal;
}

async function main(): Promise<number> {
  const signal = untilSignal();
  const { values } = parseArgs({
    options: {
      file: { type: 'string', short: 'f' },
      identity: { type: 'string' },
      version: { type: 'boolean', short: 'V' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true || values.version === true) {
    process.stdout.write(values.help === true ? USAGE : `${version()}\n`);
    return DRAINED;
  }
  relaxHeap();
  const file = values.file ?? process.env['TRIBUTARY_CONFIG'];
  const { identity } = values;
  const env = identity === undefined ? process.env : { ...process.env, TRIBUTARY_WORKER_IDENTITY: identity };
  await runWorker({ ...(await optionsFrom(file === '' ? undefined : file)), env }, signal);
  return DRAINED;
}

if (require.main === module) {
  main().then(
    (status) => process.exit(status),
    (error: unknown) => {
      const wrongUsage = error instanceof TypeError && 'code' in error;
      process.stderr.write(`worker: ${reasonFor(error)}\n${wrongUsage ? `\n${USAGE}` : ''}`);
      process.exit(wrongUsage ? WRONG_USAGE : FAILED);
    },
  );
}
