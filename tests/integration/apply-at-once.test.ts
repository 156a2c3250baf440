import { Client, type WorkflowClientInterceptor } from '@temporalio/client';
import { apply } from '../../src/cli/apply/apply';
import type { Temporal } from '../../src/cli/temporal';
import type { StreamSpec } from '../../src/config/schema';
import { parseSpec } from '../../src/config/spec';
import { workflowId } from '../../src/protocol/names';
import { specQuery } from '../../src/protocol/stream-messages';
import { Script, specOf, Theatre } from './workflow-context';
import { testIo } from '../support/io';

let theatre: Theatre;
beforeAll(async () => {
  theatre = await Theatre.open();
});
afterAll(() => theatre[Symbol.asyncDispose]());

/** Each waits there until all of them have come. */
function barrier(parties: number): () => Promise<void> {
  const waiting: (() => void)[] = [];
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length >= parties) for (const go of waiting) go();
    });
}

/** What `apply` gets from a command line, with its first command to a stream held back until the others are as far. */
function commandLine(taskQueue: string, together: () => Promise<void>): Temporal {
  const { connection, options } = theatre.client;
  const interceptor: WorkflowClientInterceptor = {
    startWithDetails: async (input, next) => {
      await together();
      return next(input);
    },
    startUpdate: async (input, next) => {
      await together();
      return next(input);
    },
  };
  const client = new Client({ connection, namespace: options.namespace, interceptors: { workflow: [interceptor] } });
  return {
    client,
    oneTry: client,
    address: '',
    tls: false,
    namespace: options.namespace,
    taskQueue,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const { io } = testIo();

async function atOnce(taskQueue: string, specs: readonly StreamSpec[]) {
  const together = barrier(specs.length);
  const temporal = commandLine(taskQueue, together);
  const applied = await Promise.all(
    specs.map((spec) => apply(temporal, [spec], { io, dryRun: false, timeoutMs: 30_000 })),
  );
  return applied.flatMap(({ streams }) => streams);
}

const sized = (id: string, batch_size: number): StreamSpec => parseSpec(specOf(id, { batch_size }));

describe('two `apply` at once', () => {
  test('of a stream that runs: one is in force, and the other is told', async () => {
    await using stage = await theatre.stage();
    await stage.begun('pump');
    const specs = [sized(stage.id, 70), sized(stage.id, 71)];
    const outcomes = await atOnce(`test-${stage.id}`, specs);
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['done', 'failed']);
    const { batch_size: inForce } = (await stage.handle.query(specQuery)).stream;
    expect(outcomes.map(({ outcome }) => outcome === 'done')).toEqual([inForce === 70, inForce === 71]);
    const lost = outcomes.find(({ outcome }) => outcome === 'failed');
    expect(lost?.error?.message).toContain('it is at revision 1, and the new one was made for revision 0');
    expect((await atOnce(`test-${stage.id}`, [sized(stage.id, 72)]))[0]).toMatchObject({ outcome: 'done' });
  });

  test('of a new stream: one starts it, the other is told, and one with the same settings is content', async () => {
    const id = 'new-at-once';
    await using _worker = await theatre.worker(`test-${id}`, new Script());
    const outcomes = await atOnce(`test-${id}`, [sized(id, 70), sized(id, 71), sized(id, 70), sized(id, 71)]);
    const handle = theatre.client.workflow.getHandle(workflowId(id));
    const { batch_size: inForce } = (await handle.query(specQuery)).stream;
    const won = (size: number) => (size === inForce ? 'done' : 'failed');
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([won(70), won(71), won(70), won(71)]);
    expect(outcomes.find(({ outcome }) => outcome === 'failed')?.error).toMatchObject({
      message: expect.stringContaining('another apply has started stream new-at-once') as string,
      remedy: expect.stringContaining('apply again') as string,
    });
    await handle.terminate();
  });
});

test('a new stream that no worker polls for is started, and `apply` names the queues', async () => {
  const id = 'new-unserved';
  const temporal = commandLine(`test-${id}`, () => Promise.resolve());
  const options = { io, dryRun: false, timeoutMs: 30_000, askForWorkers: true };
  const { streams, unpolledQueues } = await apply(temporal, [sized(id, 70)], options);
  expect(streams).toMatchObject([{ action: 'start', outcome: 'done' }]);
  expect(unpolledQueues).toEqual([`test-${id}`, `test-${id}-pump`]);
  await theatre.client.workflow.getHandle(workflowId(id)).terminate();
});
