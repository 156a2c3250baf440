#!/usr/bin/env node
import { parseArgs } from 'node:util';
// Types only: before anything heavy is loaded, signals have their handlers. As process 1 of a container, they would be ignored.
import type { WorkerOptions } from './worker/run';

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
  if (file === undefined) return { service: (await import('./config/schema')).serviceSchema.parse({}) };
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
    const { version } = await import('./worker/version');
    process.stdout.write(values.help === true ? USAGE : `${version()}\n`);
    return DRAINED;
  }
  const [{ relaxHeap }, { runWorker }] = await Promise.all([import('./worker/heap'), import('./worker/run')]);
  relaxHeap();
  const file = values.file ?? process.env['TRIBUTARY_CONFIG'];
  const { identity } = values;
  const env = identity === undefined ? process.env : { ...process.env, TRIBUTARY_WORKER_IDENTITY: identity };
  await runWorker({ ...(await optionsFrom(file === '' ? undefined : file)), env }, signal);
  return DRAINED;
}

async function explain(error: unknown): Promise<number> {
  const { reasonFor } = await import('./worker/failure');
  const wrongUsage = error instanceof TypeError && 'code' in error;
  process.stderr.write(`worker: ${reasonFor(error)}\n${wrongUsage ? `\n${USAGE}` : ''}`);
  return wrongUsage ? WRONG_USAGE : FAILED;
}

// Ended, not left to end: what a start that failed has opened in Temporal's native core would keep the process for ever.
void main()
  .catch(explain)
  .then((status) => process.exit(status));
