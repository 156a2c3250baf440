import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { History } from '@temporalio/common/lib/proto-utils';
import { INPUT_VERSION, type StreamInput } from '../../src/protocol/input';
import { catchUpUpdate, finalizeUpdate, pauseUpdate, resumeUpdate } from '../../src/protocol/stream-messages';
import { at, pumped, Script, Theatre } from './workflow-context';

let theatre: Theatre;
beforeAll(async () => {
  // The server suggests a new run after so many events; everything else is as in production.
  theatre = await Theatre.open({ 'limit.historyCount.suggestContinueAsNew': 40 });
});
afterAll(() => theatre[Symbol.asyncDispose]());

/** What the latest run was started with. */
async function inputOf(handle: { fetchHistory(): Promise<History> }): Promise<StreamInput> {
  const { events } = await handle.fetchHistory();
  const payload = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  return defaultPayloadConverter.fromPayload(payload as Payload);
}

const runOf = async (handle: { describe(): Promise<{ runId: string }> }) => (await handle.describe()).runId;

test('a new run carries everything: position, epoch, totals, spec and the namespaces', async () => {
  let position = 1;
  const script = new Script().usually('pump', () => Promise.resolve(pumped(at((position += 1)))));
  await using stage = await theatre.stage({ script });
  const first = await runOf(stage.handle);
  await stage.begun('pump', 12);
  const view = await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });

  expect(await runOf(stage.handle)).not.toBe(first);
  // The first was started without, as by 0.1.0.
  expect(await inputOf(stage.handle)).toMatchObject({ version: INPUT_VERSION, state: { parsed: true } });
  // A leg is one epoch and one position further, in whichever run it was.
  const legs = script.inputs('pump');
  expect(legs.map((leg) => leg.position)).toEqual(legs.map((_, index) => at(index + 1)));
  expect(script.epochs).toEqual(script.epochs.map((_, index) => index + 1));
  expect(view).toMatchObject({
    status: 'paused',
    namespaceCount: 2,
    namespaces: { 'shop.orders': 'streaming', 'shop.customers': 'streaming' },
    copy: { rows: 100 },
    totals: { applied: legs.length * 10 },
    legs: legs.length,
  });
  // Parsed, prepared and copied once: a new run goes on and does not begin again.
  for (const once of ['parse', 'prepare', 'copy'] as const) expect(script.inputs(once)).toHaveLength(1);
});

test('an update at work holds a new run back, and legs go on meanwhile', async () => {
  let position = 1;
  let answer: (() => void) | undefined;
  const script = new Script()
    .usually('pump', () => Promise.resolve(pumped(at((position += 1)))))
    .next('catchUp', async () => {
      await new Promise<void>((resolve) => (answer = resolve));
      return { target: 'far' };
    });
  await using stage = await theatre.stage({ script });
  const waiting = stage.handle.executeUpdate(catchUpUpdate, { args: [{}] });
  await stage.begun('catchUp');
  const during = await runOf(stage.handle);
  const legs = script.inputs('pump').length;
  await stage.begun('pump', legs + 15);
  expect(await runOf(stage.handle)).toBe(during);
  answer?.();
  expect(await waiting).toMatchObject({ target: 'far' });
  await stage.begun('pump', script.inputs('pump').length + 15);
  expect(await runOf(stage.handle)).not.toBe(during);
});

test('a stream at rest answers in every run, and what was asked for is not forgotten', async () => {
  await using stage = await theatre.stage();
  const first = await runOf(stage.handle);
  await stage.begun('pump');
  for (let n = 0; n < 6; n += 1) {
    expect(await stage.handle.executeUpdate(pauseUpdate, { args: [{ reason: `n${n}` }] })).toMatchObject({
      status: 'paused',
      pauseReason: `n${n}`,
    });
    expect(await stage.handle.executeUpdate(resumeUpdate)).toMatchObject({ status: 'replicating' });
  }
  expect(await runOf(stage.handle)).not.toBe(first);
  stage.script.usually('pump', ({ until }) =>
    Promise.resolve(until === null ? pumped(at(9)) : pumped(until, { reason: 'reached' })),
  );
  expect(await stage.handle.executeUpdate(finalizeUpdate)).toMatchObject({ view: { status: 'finalized' } });
});
