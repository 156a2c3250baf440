import { setTimeout as pause } from 'node:timers/promises';
import { finalizeUpdate, resumeNamespaceUpdate, resumeUpdate, stopUpdate } from '../../src/protocol/stream-messages';
import { at, copied, copyProgress, fails, longLeg, prepared, pumped, Script, Theatre } from './workflow-context';

let theatre: Theatre;
beforeAll(async () => {
  theatre = await Theatre.open();
});
afterAll(() => theatre[Symbol.asyncDispose]());

describe('the life of a stream', () => {
  test('is prepare, copy, legs, and every call that writes has a higher epoch', async () => {
    const script = new Script()
      .next('copy', () => Promise.resolve(copied({ reason: 'slice', progress: copyProgress(40), inStepAfter: null })))
      .next('pump', () => Promise.resolve(pumped(at(10))), longLeg);
    await using stage = await theatre.stage({ script });
    await stage.begun('pump', 2);
    const view = await stage.is('replicating');

    expect(script.calls.map(({ name }) => name)).toEqual(['parse', 'prepare', 'copy', 'copy', 'pump', 'pump']);
    expect(script.epochs).toEqual([1, 2, 3, 4, 5]);
    const [prepareLeg] = script.inputs('prepare');
    expect(prepareLeg).toMatchObject({ park: [], copyMode: 'refuse', restart: false, plan: true, ledger: 'any' });
    expect(script.inputs('copy').map(({ sliceMs, ledger }) => [sliceMs, ledger])).toEqual([
      [30_000, 'existing'],
      [60_000, 'existing'],
    ]);
    const [first, second] = script.inputs('pump');
    expect(first).toMatchObject({ position: at(1), inStepAfter: at(5), until: null });
    expect(first?.sliceMs).toBeGreaterThanOrEqual(12_000);
    expect(first?.sliceMs).toBeLessThanOrEqual(18_000);
    expect(second?.position).toEqual(at(10));
    expect(second?.sliceMs).toBeGreaterThanOrEqual(24_000);
    expect(view).toMatchObject({
      stream: stage.id,
      phase: 'replicate',
      source: 'mongodb shop',
      lagMs: 7,
      legs: 2,
      namespaceCount: 2,
      namespaces: { 'shop.orders': 'streaming', 'shop.customers': 'streaming' },
      totals: { applied: 10 },
      copy: { rows: 100 },
    });
  });

  test('shows itself in search attributes and current details', async () => {
    await using stage = await theatre.stage({ id: 'shown' });
    await stage.is('replicating');
    const { typedSearchAttributes } = await stage.handle.describe();
    const shown = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
    expect(shown).toMatchObject({
      TributaryStream: 'shown',
      TributaryStatus: 'replicating',
      TributarySource: 'mongodb',
      TributaryDestination: 'mongodb',
    });
    const metadata = await stage.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(metadata.currentDetails).toContain('| Status | **replicating** |');
  });

  test('without a snapshot nothing is copied', async () => {
    const script = new Script().next('prepare', () => Promise.resolve(prepared({ copyPending: false, copying: [] })));
    await using stage = await theatre.stage({ script, spec: { snapshot: { mode: 'never' } } });
    await stage.begun('pump');
    expect(script.inputs('prepare')[0]?.plan).toBe(false);
    expect(script.inputs('copy')).toHaveLength(0);
  });

  test('of a copy alone ends at the moment after its last read', async () => {
    const script = new Script().next('pump', ({ until }) => Promise.resolve(pumped(until!, { reason: 'reached' })));
    await using stage = await theatre.stage({ script, spec: { snapshot: { mode: 'only' } } });
    const view = await stage.handle.result();
    expect(view).toMatchObject({ status: 'finalized', phase: 'ended' });
    expect(script.inputs('pump').map(({ until }) => until)).toEqual([at(5)]);
    expect(script.inputs('finalize')).toHaveLength(1);
  });

  test('a namespace that cannot go on is parked, and taken up again by name', async () => {
    const parks = () => fails('needs_attention', { code: 'collation_differs', namespace: 'shop.orders' });
    const report = { count: 1, some: [{ namespace: 'shop.orders', code: 'c', message: 'm', remedy: 'r', at: 'now' }] };
    const script = new Script().next(
      'pump',
      parks,
      () => Promise.resolve(pumped(at(20), { parked: report })),
      async (leg) => ({ ...(await longLeg(leg)), parked: report }),
      () => Promise.resolve(pumped(at(30), { copying: ['shop.orders'], resumed: ['shop.orders'] })),
    );
    await using stage = await theatre.stage({ script });
    await stage.begun('pump', 3);
    expect(script.inputs('pump')[1]?.park).toMatchObject([{ namespace: 'shop.orders', code: 'collation_differs' }]);
    expect(script.inputs('pump')[2]?.park).toEqual([]);
    const view = await stage.is('replicating');
    expect(view).toMatchObject({
      parkedCount: 1,
      namespaces: { 'shop.orders': 'parked', 'shop.customers': 'streaming' },
    });
    await expect(stage.handle.executeUpdate(finalizeUpdate)).rejects.toMatchObject({ cause: { type: 'parked' } });
    const other = stage.handle.executeUpdate(resumeNamespaceUpdate, { args: [{ namespace: 'shop.customers' }] });
    await expect(other).rejects.toMatchObject({ cause: { type: 'not_parked' } });
    await stage.handle.executeUpdate(resumeNamespaceUpdate, { args: [{ namespace: 'shop.orders' }] });
    await stage.begun('pump', 5);
    expect(script.inputs('pump')[3]?.resume).toEqual(['shop.orders']);
    expect(script.inputs('pump')[4]?.resume).toEqual([]);
    expect(await stage.status()).toMatchObject({ parkedCount: 0, namespaces: { 'shop.orders': 'copying' } });
  });

  test('the last namespace that could go on is not parked', async () => {
    const failing = (namespace: string) => () => fails('needs_attention', { code: 'collation_differs', namespace });
    const script = new Script().next('pump', failing('shop.orders'), failing('shop.customers'));
    await using stage = await theatre.stage({ script });
    expect(await stage.is('needs_attention')).toMatchObject({
      failure: { namespace: 'shop.customers' },
      parkedCount: 1,
    });
  });

  test('no namespace is parked where they are not isolated', async () => {
    const script = new Script().next('pump', () =>
      fails('needs_attention', { code: 'collation_differs', namespace: 'shop.orders' }),
    );
    await using stage = await theatre.stage({ script, spec: { error_handling: { isolate_namespaces: false } } });
    expect(await stage.is('needs_attention')).toMatchObject({ failure: { namespace: 'shop.orders' }, parkedCount: 0 });
  });

  test('a stop waits until the leg has returned and ends with where it was', async () => {
    await using stage = await theatre.stage();
    await stage.begun('pump');
    const view = await stage.handle.executeUpdate(stopUpdate);
    expect(view).toMatchObject({ status: 'stopped', phase: 'ended', at: 'position 2' });
    expect(await stage.handle.result()).toMatchObject({ status: 'stopped' });
  });

  test('a request to cancel the workflow is a stop', async () => {
    let drained = false;
    const script = new Script().next('pump', async (leg) => {
      const result = await longLeg(leg);
      await pause(200);
      drained = true;
      return result;
    });
    await using stage = await theatre.stage({ script });
    await stage.begun('pump');
    await stage.handle.cancel();
    expect(await stage.handle.result()).toMatchObject({ status: 'stopped', at: 'position 2' });
    expect(drained).toBe(true);
  });

  test('finalize runs to where the source is, puts in force what was held, and ends', async () => {
    const finding = { severity: 'warning', code: 'index_not_unique', message: 'two rows', remedy: 'mend' } as const;
    const script = new Script()
      .next(
        'pump',
        longLeg,
        () => Promise.resolve(pumped(at(60))),
        ({ until }) => Promise.resolve(pumped(until!, { reason: 'reached' })),
      )
      .next('finalize', () => Promise.resolve([finding]));
    await using stage = await theatre.stage({ script });
    await stage.begun('pump');
    const report = await stage.handle.executeUpdate(finalizeUpdate);
    expect(report.view).toMatchObject({ status: 'finalized', at: 'position 100' });
    expect(report.findings).toEqual([finding]);
    expect(script.inputs('pump').map(({ until }) => until)).toEqual([null, at(100), at(100)]);
    expect(await stage.handle.result()).toMatchObject({ status: 'finalized' });
  });

  test('a stream is not finalized while a namespace is parked, whenever that happens', async () => {
    const some = [{ namespace: 'shop.orders', code: 'c', message: 'm', remedy: 'r', at: 'now' }];
    const script = new Script().next(
      'pump',
      () => fails('needs_attention', { code: 'collation_differs', namespace: 'shop.orders' }),
      ({ until }) => Promise.resolve(pumped(until!, { reason: 'reached', parked: { count: 1, some } })),
      ({ until }) => Promise.resolve(pumped(until!, { reason: 'reached', resumed: ['shop.orders'] })),
    );
    await using stage = await theatre.stage({ script, spec: { snapshot: { mode: 'only' } } });
    expect(await stage.is('needs_attention')).toMatchObject({ failure: { code: 'parked' } });
    expect(script.inputs('finalize')).toHaveLength(0);
    await stage.handle.executeUpdate(resumeNamespaceUpdate, { args: [{ namespace: 'shop.orders' }] });
    await stage.handle.executeUpdate(resumeUpdate, { args: [] });
    expect(await stage.handle.result()).toMatchObject({ status: 'finalized' });
    expect(script.inputs('pump')[2]?.resume).toEqual(['shop.orders']);
  });
});
