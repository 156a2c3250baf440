import { apply } from '../../src/cli/apply/apply';
import { appliedTable } from '../../src/cli/render/plan';
import { connectTemporal, type Temporal } from '../../src/cli/temporal';
import { parseSpec } from '../../src/config/spec';
import { SEARCH_ATTRIBUTES, workflowId } from '../../src/protocol/names';
import type { RunningTemporal } from '../../src/servers/temporal/server';
import { privateTemporal, uniqueName } from '../support/servers';
import { restrictedTemporal } from '../support/temporal-proxy';
import { specOf } from './workflow-context';
import { testIo } from '../support/io';

const { io } = testIo({ columns: Infinity });
const NAMES = Object.values(SEARCH_ATTRIBUTES);
const CREATE = `temporal operator search-attribute create --namespace default ${NAMES.map((name) => `--name ${name} --type Keyword`).join(' ')} (Temporal Cloud: tcld namespace search-attributes add)`;

const LIST_AND_ADD = /OperatorService/u;
const ADD = /OperatorService\/AddSearchAttributes/u;

let without: RunningTemporal;
let complete: RunningTemporal;
beforeAll(async () => {
  [without, complete] = await Promise.all([privateTemporal({ searchAttributes: {} }), privateTemporal()]);
});
afterAll(() => Promise.all([without, complete].map((server) => server[Symbol.asyncDispose]())));

async function applied(server: RunningTemporal, denied: RegExp, enabled = true) {
  await using proxy = await restrictedTemporal(server.address, denied);
  await using temporal: Temporal = await connectTemporal({
    env: { TEMPORAL_ADDRESS: proxy.address, TRIBUTARY_TASK_QUEUE: 'no-worker' },
  });
  const spec = parseSpec(specOf(uniqueName('stream'), { enabled }));
  const result = await apply(temporal, [spec], { io, dryRun: false, timeoutMs: 10_000 });
  const [stream] = result.streams;
  const runs = await temporal.client.workflow
    .getHandle(workflowId(spec.stream.id))
    .describe()
    .then(
      () => true,
      () => false,
    );
  return { id: spec.stream.id, result, stream, runs };
}

test.each([
  ['list nor register', LIST_AND_ADD],
  ['register', ADD],
])('a login that may not %s search attributes starts streams where they are registered', async (_what, denied) => {
  const { stream, runs, result } = await applied(complete, denied);
  expect(stream).toMatchObject({ action: 'start', outcome: 'done', error: null });
  expect({ runs, missing: result.missingSearchAttributes }).toEqual({ runs: true, missing: null });
});

test('one that may list but not register them is told which are missing, and who creates them how', async () => {
  const { id, stream, runs } = await applied(without, ADD);
  expect(stream).toMatchObject({
    outcome: 'failed',
    error: {
      message: `stream ${id} cannot start: namespace "default" has no search attributes ${NAMES.join(', ')}, and this login may not register them`,
      remedy: `ask the administrator of the namespace for: ${CREATE}`,
    },
  });
  expect(runs).toBe(false);
});

test('one that may not even list them is told when Temporal refuses the start', async () => {
  const { stream, runs } = await applied(without, LIST_AND_ADD);
  expect(stream?.error?.message).toMatch(/^Temporal refuses to start the stream: .*Tributary/u);
  expect(stream?.error?.remedy).toBe(
    `this login may not list search attributes; where they are missing, ask the administrator of the namespace for: ${CREATE}`,
  );
  expect(runs).toBe(false);
});

test('where nothing starts, `apply` goes on and says what is missing', async () => {
  const { stream, result } = await applied(without, ADD, false);
  expect(stream).toMatchObject({ action: 'disabled', outcome: 'done' });
  expect(appliedTable(result, { paint: io.paint, columns: Infinity })).toContain(
    `search attributes are missing (${NAMES.join(', ')}), and this login may not register them: the web UI cannot find streams by them, and no new stream can start\n  ask the administrator of the namespace for: ${CREATE}`,
  );
});
