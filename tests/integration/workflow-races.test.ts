import { setTimeout as pause } from 'node:timers/promises';
import type { StreamSpec, StreamSpecInput } from '../../src/config/schema';
import type { PumpLeg } from '../../src/protocol/stream-activities';
import {
  finalizeUpdate,
  reconfigureUpdate,
  restartUpdate,
  resumeNamespaceUpdate,
  stopUpdate,
} from '../../src/protocol/stream-messages';
import {
  at,
  copied,
  copyProgress,
  fails,
  longLeg,
  prepared,
  pumped,
  Script,
  specOf,
  Theatre,
  until,
  untilCancelled,
} from './workflow-context';

/** One command beside another one, or beside a stream that takes its time. */
let theatre: Theatre;
beforeAll(async () => {
  theatre = await Theatre.open({
    'limit.historyCount.suggestContinueAsNew': 40,
    // Here the server ends a workflow; its own limit is some 50,000.
    'limit.historyCount.error': 400,
  });
});
afterAll(() => theatre[Symbol.asyncDispose]());

const reaches = async ({ until: target, ...leg }: PumpLeg) =>
  target === null ? longLeg({ until: target, ...leg }) : pumped(target, { reason: 'reached' });

const selecting = (...collections: string[]): Partial<StreamSpecInput['stream']> => ({
  source: { type: 'mongodb', connection_string: '${env:SOURCE_URI}', database: 'shop', collections },
});

const laidOut = (copying: readonly string[]) => () => Promise.resolve(prepared({ copyPending: false, copying }));

/** A call that is told to end, and has done its work all the same. */
const tooLate = async () => {
  await untilCancelled();
  return [];
};

const names = (script: Script) => script.calls.map(({ name }) => name);

describe('a stream that is being finalized', () => {
  test('copies what is selected after it had caught up, before it ends', async () => {
    const script = new Script()
      .next('prepare', laidOut([]), laidOut(['shop.added']))
      .usually('pump', reaches)
      .next('finalize', () => fails('needs_attention'));
    await using stage = await theatre.stage({ script, spec: selecting('orders') });
    await stage.begun('pump');
    await expect(stage.handle.executeUpdate(finalizeUpdate)).rejects.toMatchObject({
      cause: { type: 'needs_attention' },
    });
    const spec = specOf(stage.id, selecting('orders', 'added')) as StreamSpec;
    await stage.handle.executeUpdate(reconfigureUpdate, { args: [spec] });
    expect(await stage.handle.result()).toMatchObject({
      status: 'finalized',
      namespaces: { 'shop.added': 'streaming' },
    });
    expect(names(script).slice(-4)).toEqual(['revise', 'prepare', 'pump', 'finalize']);
  });

  test('restarts, when that was asked for while indexes were put in force', async () => {
    const script = new Script()
      .next('prepare', laidOut([]), laidOut(['shop.orders']))
      .usually('pump', reaches)
      .next('finalize', tooLate);
    await using stage = await theatre.stage({ script });
    await stage.begun('pump');
    const finalized = expect(stage.handle.executeUpdate(finalizeUpdate)).rejects.toMatchObject({
      cause: { type: 'overtaken' },
    });
    await stage.begun('finalize');
    expect(await stage.handle.executeUpdate(restartUpdate, { args: [{ from: 'snapshot' }] })).toMatchObject({
      status: 'replicating',
      namespaces: { 'shop.orders': 'copying' },
    });
    await finalized;
    await stage.begun('pump', 3);
    expect(script.inputs('prepare')[1]).toMatchObject({ restart: true });
  });

  test('ends only after what was selected while indexes were put in force is copied', async () => {
    const script = new Script()
      .next('prepare', laidOut([]), laidOut(['shop.added']))
      .usually('pump', reaches)
      .next('finalize', tooLate);
    await using stage = await theatre.stage({ script, spec: selecting('orders') });
    await stage.begun('pump');
    const finalized = stage.handle.executeUpdate(finalizeUpdate);
    await stage.begun('finalize');
    const spec = specOf(stage.id, selecting('orders', 'added')) as StreamSpec;
    await stage.handle.executeUpdate(reconfigureUpdate, { args: [spec] });
    expect(await finalized).toMatchObject({ view: { status: 'finalized' } });
    expect(names(script).slice(-5)).toEqual(['finalize', 'revise', 'prepare', 'pump', 'finalize']);
  });
});

test('a stop is answered by the end of the stream, also beside a request to cancel the workflow', async () => {
  let drained = (): void => undefined;
  const script = new Script().next('pump', async (leg) => {
    const result = await longLeg(leg);
    await new Promise<void>((resolve) => (drained = resolve));
    return result;
  });
  await using stage = await theatre.stage({ script });
  await stage.begun('pump');
  const before = stage.handle.executeUpdate(stopUpdate);
  await until('the stop is under way', async () => (await stage.handle.describe()).historyLength > 20);
  await stage.handle.cancel();
  const after = stage.handle.executeUpdate(stopUpdate);
  await pause(500);
  drained();
  expect(await Promise.all([before, after])).toMatchObject([{ status: 'stopped' }, { status: 'stopped' }]);
});

describe('an update that waits for what takes long', () => {
  test('of finalizing is answered before the history is too long, and the stream goes on to its end', async () => {
    const script = new Script().next('pump', longLeg).usually('pump', () => Promise.resolve(pumped(at(9))));
    await using stage = await theatre.stage({ script });
    await stage.begun('pump');
    await expect(stage.handle.executeUpdate(finalizeUpdate)).rejects.toMatchObject({ cause: { type: 'takes_long' } });
    await stage.begun('pump', script.inputs('pump').length + 30);
    script.usually('pump', reaches);
    expect(await stage.handle.result()).toMatchObject({ status: 'finalized' });
  });

  test('of a namespace is answered while others are copied, and the namespace is taken up afterwards', async () => {
    const slice = copied({ reason: 'slice', progress: copyProgress(50), inStepAfter: null });
    const script = new Script()
      .next('copy', () => fails('needs_attention', { code: 'collation_differs', namespace: 'shop.orders' }))
      .usually('copy', () => Promise.resolve(slice));
    await using stage = await theatre.stage({ script });
    await stage.begun('copy', 2);
    const resumed = stage.handle.executeUpdate(resumeNamespaceUpdate, { args: [{ namespace: 'shop.orders' }] });
    expect(await resumed).toMatchObject({ status: 'copying' });
    await stage.begun('copy', script.inputs('copy').length + 30);
    script.usually('copy', () => Promise.resolve(copied()));
    await stage.begun('pump');
    expect(script.inputs('pump')[0]).toMatchObject({ resume: ['shop.orders'] });
  });
});
