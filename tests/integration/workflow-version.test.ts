import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import { INPUT_VERSION } from '../../src/protocol/input';
import { REPLAY_TYPE, VERIFICATION_TYPE } from '../../src/protocol/names';
import { Script, specOf, Theatre } from './workflow-context';

let theatre: Theatre;
beforeAll(async () => {
  theatre = await Theatre.open();
});
afterAll(() => theatre[Symbol.asyncDispose]());

const NEWER = INPUT_VERSION + 1;

const refused = expect.objectContaining({
  type: 'unknown_input_version',
  nonRetryable: true,
  message: expect.stringMatching(
    new RegExp(`has version ${NEWER}, and this worker reads versions up to ${INPUT_VERSION}.*or of a newer one`, 'u'),
  ) as unknown,
}) as unknown;

const causeOf = (result: Promise<unknown>): Promise<unknown> =>
  result.catch((error: unknown) => (error instanceof WorkflowFailedError ? error.cause : error));

test('a stream whose input is newer than the worker ends before it calls anything, and its status and details say why', async () => {
  await using stage = await theatre.stage({ version: NEWER });
  expect(await causeOf(stage.handle.result())).toEqual(refused);

  expect(stage.script.calls).toEqual([]);
  expect(await stage.status()).toMatchObject({
    stream: stage.id,
    status: 'needs_attention',
    failure: { code: 'unknown_input_version', kind: 'needs_attention' },
  });
  const { typedSearchAttributes } = await stage.handle.describe();
  const shown = typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]);
  expect(shown).toContainEqual(['TributaryStatus', 'needs_attention']);
  const { currentDetails } = await stage.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(currentDetails).toContain('**unknown_input_version**');
});

test('a stream with the version of its worker runs', async () => {
  await using stage = await theatre.stage({ version: INPUT_VERSION });
  await stage.is('replicating');
});

test.each([VERIFICATION_TYPE, REPLAY_TYPE])('a newer input ends %s with the same failure', async (type) => {
  const id = `v-${randomUUID()}`;
  await using _worker = await theatre.worker(id, new Script());
  const input = { version: NEWER, spec: specOf(id), filter: {} };
  const handle = await theatre.client.workflow.start(type, { workflowId: id, taskQueue: id, args: [input] });
  expect(await causeOf(handle.result())).toEqual(refused);
});
