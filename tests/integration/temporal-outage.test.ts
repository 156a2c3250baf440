import type { Io } from '../../src/cli/io';
import { waitUntil } from '../../src/cli/streams/wait';
import { watch } from '../../src/cli/streams/watch';
import { connectTemporal, type Temporal } from '../../src/cli/temporal';
import { follow } from '../../src/cli/verify/verify';
import { VERIFICATION_TYPE, verificationId, WORKFLOW_TYPE, workflowId } from '../../src/protocol/names';
import type { RunningTemporal } from '../../src/servers/temporal/server';
import { eventually } from '../support/eventually';
import { privateTemporal } from '../support/servers';
import { testIo } from '../support/io';

let server: RunningTemporal;
let temporal: Temporal;

beforeAll(async () => {
  server = await privateTemporal();
  temporal = await connectTemporal({
    env: { TEMPORAL_ADDRESS: server.address, TRIBUTARY_TASK_QUEUE: 'no-worker' },
  });
  // No worker polls: what they do is of no matter here.
  const start = (type: string, id: string) =>
    temporal.client.workflow.start(type, { workflowId: id, taskQueue: 'no-worker', args: [] });
  await start(WORKFLOW_TYPE, workflowId('orders'));
  await start(VERIFICATION_TYPE, verificationId('orders'));
});

afterAll(async () => {
  await temporal[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

interface Told {
  readonly lines: readonly string[];
  readonly io: Io;
  readonly say: (line: string) => void;
  readonly says: (line: RegExp) => Promise<void>;
}

/** What a command tells, line by line. */
function told(): Told {
  const lines: string[] = [];
  const { io } = testIo({ err: { write: (text) => lines.push(text) } });
  const says = (line: RegExp): Promise<void> =>
    eventually(() => {
      expect(lines.join('\n')).toMatch(line);
      return Promise.resolve();
    }, 30_000);
  return { lines, io, says, say: (line: string) => void lines.push(line) };
}

const AWAY = /Temporal does not answer at 127\.0\.0\.1:\d+ \(connection refused\); this goes on when it is back, and/u;
const BACK = /Temporal answers again, after \d/u;

type Commands = [string, (told: Told, signal: AbortSignal) => Promise<unknown>, unknown][];
const COMMANDS: Commands = [
  ['streams watch', ({ io }, signal) => watch(temporal, { io, format: 'table' }, signal), undefined],
  ['streams watch ID', ({ io }, signal) => watch(temporal, { io, format: 'json', id: 'orders' }, signal), undefined],
  [
    'streams wait',
    ({ say }, signal) =>
      waitUntil(temporal, { stream: 'orders', until: 'snapshot-done', timeoutMs: 60_000, say }, signal),
    'stopped waiting for orders',
  ],
  [
    'streams wait --until caught-up',
    ({ say }, signal) => waitUntil(temporal, { stream: 'orders', until: 'caught-up', timeoutMs: 60_000, say }, signal),
    'stopped waiting for orders',
  ],
  [
    'verify',
    ({ say }, signal) => follow(temporal, verificationId('orders'), { tell: () => undefined, say }, signal),
    null,
  ],
];

test('commands that look again and again ride out a restart of Temporal, say so once, and answer Ctrl-C', async () => {
  const stop = new AbortController();
  const runs = COMMANDS.map(([name, run, result]) => {
    const seen = told();
    const ended = run(seen, stop.signal).then(
      (value) => value,
      (error: unknown) => (error as Error).message,
    );
    return { name, seen, ended, result };
  });
  await server.kill('SIGKILL');
  // The update of `caught-up` is not answered by any worker: it is asked again when its own time is over.
  const looking = runs.filter(({ name }) => !name.includes('caught-up'));
  await Promise.all(looking.map(({ seen }) => seen.says(AWAY)));
  await server.restart();
  await Promise.all(looking.map(({ seen }) => seen.says(BACK)));
  stop.abort();
  expect(await Promise.all(runs.map(async ({ name, ended }) => [name, await ended]))).toEqual(
    COMMANDS.map(([name, , result]) => [name, result]),
  );
  for (const { seen } of looking) expect(seen.lines.filter((line) => AWAY.test(line))).toHaveLength(1);
});

test('they end with an exact error when Temporal stays away', async () => {
  await server.kill('SIGKILL');
  try {
    const { signal } = new AbortController();
    const seen = told();
    const watching = watch(temporal, { io: seen.io, format: 'table', patienceMs: 1_500 }, signal);
    await expect(watching).rejects.toMatchObject({
      message: expect.stringMatching(
        /^Temporal has not answered at 127\.0\.0\.1:\d+ for [\d.]+ s \(connection refused\)$/u,
      ) as string,
      remedy: 'check TEMPORAL_ADDRESS, and that the server runs; streams go on by themselves as soon as it is back',
    });
    const waiting = waitUntil(
      temporal,
      { stream: 'orders', until: 'caught-up', timeoutMs: 1_500, say: seen.say },
      signal,
    );
    await expect(waiting).rejects.toThrow('Temporal has not answered');
  } finally {
    await server.restart();
  }
});
