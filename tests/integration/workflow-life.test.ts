import { setTimeout as pause } from 'node:timers/promises';
import { finalizeUpdate, stopUpdate } from '../../src/workflows/messages';
import { at, copied, copyProgress, longLeg, prepared, pumped, Script, Theatre } from './workflow-context';

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
    expect(prepareLeg).toMatchObject({ copy: 'all', copyMode: 'refuse', restart: false, plan: true, ledger: 'any' });
    expect(script.inputs('copy').map(({ sliceMs, ledger }) => [sliceMs, ledger])).toEqual([
      [10_000, 'existing'],
      [20_000, 'existing'],
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

  test('namespaces that have to be copied are, and the legs go on from where they were', async () => {
    const script = new Script()
      .next('pump', () => Promise.resolve(pumped(at(20), { reason: 'copy', copy: ['shop.new'] })))
      .next(
        'prepare',
        () => Promise.resolve(prepared()),
        ({ copy }) => Promise.resolve(prepared({ position: at(20), resumed: true, copying: copy as string[] })),
      )
      .next(
        'copy',
        () => Promise.resolve(copied()),
        () => Promise.resolve(copied({ inStepAfter: at(25) })),
      );
    await using stage = await theatre.stage({ script });
    await stage.begun('pump', 2);
    expect(script.inputs('prepare')[1]).toMatchObject({ copy: ['shop.new'], copyMode: 'replace', restart: false });
    expect(script.inputs('pump')[1]).toMatchObject({ position: at(20), inStepAfter: at(25) });
  });

  test('a copy that is asked for again and again is not tried in a tight loop', async () => {
    const script = new Script().usually('pump', () =>
      Promise.resolve(pumped(at(1), { reason: 'copy', copy: ['shop.x'] })),
    );
    await using stage = await theatre.stage({
      script,
      spec: { retry_policy: { initial_delay: '1h', max_delay: '1h' } },
    });
    await stage.begun('pump', 3);
    expect((await stage.status()).nextTryAt).not.toBeNull();
    expect(script.inputs('pump')).toHaveLength(3);
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
});
