import { pauseUpdate, progressSignal, resumeUpdate } from '../../src/protocol/stream-messages';
import { at, copied, fails, legProgress, longLeg, prepared, pumped, Script, Theatre, until } from './workflow-context';

const SUGGESTED_EVENTS = 60;

let theatre: Theatre;
beforeAll(async () => {
  theatre = await Theatre.open({ 'limit.historyCount.suggestContinueAsNew': SUGGESTED_EVENTS });
});
afterAll(() => theatre[Symbol.asyncDispose]());

const often = { advanced: { heartbeat_timeout: '2s', status_interval: '50ms' } };
const lost = { code: 'history_lost', message: 'it is gone', remedy: 'copy again' };

async function currentDetails(stage: Awaited<ReturnType<Theatre['stage']>>): Promise<string> {
  const metadata = await stage.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails;
}

describe('a stream without a leg', () => {
  test('asks for its lag and its window while it is paused, and no longer when it goes on', async () => {
    await using stage = await theatre.stage({ spec: often });
    await stage.begun('pump');
    await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    await stage.begun('inspectPosition', 2);
    await until('the report is shown', async () => (await stage.status()).lagMs === 90_000);
    const view = await stage.status();
    expect(view).toMatchObject({ status: 'paused', windowSeconds: 7_200, windowAtLeast: false, sourceProblem: null });
    expect(Date.parse(view.asOf ?? '')).toBeGreaterThan(Date.now() - 20_000);
    expect(stage.script.inputs('inspectPosition')[0]).toMatchObject({ position: at(2), status: 'paused' });
    expect(await currentDetails(stage)).toContain('| Lag | 1 min 30 s |');

    stage.script.next('inspectPosition', () =>
      Promise.resolve({ lagMs: 1, windowSeconds: 0, windowAtLeast: false, lost }),
    );
    await until('the loss is shown', async () => (await stage.status()).sourceProblem?.code === 'history_lost');
    expect(await currentDetails(stage)).toContain('| History window | 0 ms **about to be lost** |');
    expect(await currentDetails(stage)).toContain('**history_lost**: it is gone');

    stage.script.usually('pump', ({ position }) => Promise.resolve(pumped(position ?? at(0))));
    await stage.handle.executeUpdate(resumeUpdate);
    await until('the leg is newer', async () => (await stage.status()).lagMs === 7);
    expect((await stage.status()).sourceProblem).toBeNull();
  });

  test('keeps its last report when its source cannot be asked, and says why', async () => {
    const script = new Script().next(
      'inspectPosition',
      () => Promise.resolve({ lagMs: 5_000, windowSeconds: 60, windowAtLeast: true, lost: null }),
      () => fails('retry', { code: 'not_reachable', message: 'no server answers' }),
    );
    script.usually('inspectPosition', () => fails('retry', { code: 'not_reachable', message: 'no server answers' }));
    await using stage = await theatre.stage({ script, spec: often });
    await stage.begun('pump');
    await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    await stage.begun('inspectPosition', 2);
    await until('the problem is shown', async () => (await stage.status()).sourceProblem !== null);
    expect(await stage.status()).toMatchObject({
      lagMs: 5_000,
      windowSeconds: 60,
      windowAtLeast: true,
      status: 'paused',
    });
    expect(await currentDetails(stage)).toContain('| History window | at least 1 min 0 s |');
  });

  test('says that no worker has a free slot for the question, and on which queue', async () => {
    await using stage = await theatre.stage({ spec: often });
    await stage.begun('pump');
    await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    await stage.leave();
    // Runs workflows, and no calls.
    await using _worker = await theatre.work(`test-${stage.id}`, {}, null);
    await until('the problem is shown', async () => (await stage.status()).sourceProblem !== null);
    expect((await stage.status()).sourceProblem).toEqual({
      code: 'no_worker',
      message: `no worker polls the task queue test-${stage.id}, or none has a free slot`,
      remedy: 'start a worker, or raise service.max_concurrent_streams',
    });
  });

  test('is inspected while it needs attention, and while it backs off', async () => {
    const attention = new Script().next('pump', () => fails('needs_attention'));
    const failing = new Script().usually('pump', () => fails('retry'));
    await using needy = await theatre.stage({ script: attention, spec: often });
    await using backing = await theatre.stage({
      script: failing,
      spec: { ...often, retry_policy: { initial_delay: '1h', max_delay: '1h' } },
    });
    await needy.begun('inspectPosition');
    await backing.begun('inspectPosition');
    expect(needy.script.inputs('inspectPosition')[0]).toMatchObject({ status: 'needs_attention' });
    expect(backing.script.inputs('inspectPosition')[0]).toMatchObject({ status: 'retrying' });
  });

  test('that rests for long begins new runs, and its history stays short', async () => {
    await using stage = await theatre.stage({ spec: often });
    await stage.begun('pump');
    await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    const { runId: first } = await stage.handle.describe();
    await until('a third run', async () => {
      const { runId, historyLength } = await stage.handle.describe();
      expect(historyLength).toBeLessThan(3 * SUGGESTED_EVENTS);
      return runId !== first && stage.script.inputs('inspectPosition').length > 8;
    });
    expect(await stage.status()).toMatchObject({ status: 'paused', lagMs: 90_000, changesPerSecond: 0 });
    // Static details are the first run's alone.
    expect(await currentDetails(stage)).toContain(`tributary streams resume ${stage.id}`);
    const intervals = stage.script.inputs('inspectPosition').map(({ nextMs }) => nextMs);
    // Longer and longer, also over runs.
    expect(intervals.slice(0, 4)).toEqual([100, 200, 400, 500]);
    expect(new Set(intervals.slice(4))).toEqual(new Set([500]));
  });
});

describe('a leg that tells how far it is', () => {
  test('is shown before it ends; what an older leg tells counts for nothing', async () => {
    await using stage = await theatre.stage();
    await stage.begun('pump');
    const [{ epoch } = { epoch: 0 }] = stage.script.inputs('pump');
    const totals = { read: 500, applied: 400, skipped: 0, bytes: 9, schemaChanges: 0 };
    const { position: _position, ...progress } = { ...legProgress(at(9)), at: 'far', lagMs: 1_234, totals };
    await stage.handle.signal(progressSignal, { epoch, progress });
    await until('the signal is shown', async () => (await stage.status()).at !== 'position 1');
    await stage.handle.signal(progressSignal, { epoch: epoch - 1, progress: { ...progress, at: 'of an older one' } });
    const view = await stage.status();
    expect(view).toMatchObject({ at: 'far', lagMs: 1_234, live: true, totals: { read: 500, applied: 400 } });
    expect(await currentDetails(stage)).toContain(`| As of | ${view.asOf} |`);
    // The leg that ends counts itself.
    const paused = await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    expect(paused).toMatchObject({ live: false, totals: { read: 10, applied: 10 }, lagMs: 7 });
  });
});

test('an error that was recovered from is past', async () => {
  const script = new Script().next(
    'pump',
    () => fails('retry'),
    () => Promise.resolve(pumped(at(3))),
    longLeg,
  );
  await using stage = await theatre.stage({ script });
  await stage.begun('pump', 3);
  const { failure, failures } = await stage.status();
  expect({ failure, failures }).toMatchObject({ failures: 0, failure: { code: 'test_retry' } });
  expect(failure?.recoveredAt).toEqual(expect.any(String));
  const details = await currentDetails(stage);
  expect(details).toMatch(/\| Past error \| \S+ test_retry, over since /);
  expect(details).not.toContain('Last error');
});

test('queries, updates and signals say what they are for', async () => {
  const script = new Script()
    .next('prepare', () => Promise.resolve(prepared()))
    .next('copy', () => Promise.resolve(copied()));
  await using stage = await theatre.stage({ script });
  await stage.begun('pump');
  interface Interaction {
    readonly name: string;
    readonly description?: string;
  }
  type Definitions = Readonly<Record<string, readonly Interaction[]>>;
  const { definition } = await stage.handle.query<{ definition: Definitions }>('__temporal_workflow_metadata');
  const of = (key: string) => (definition[key] ?? []).filter(({ name }) => !name.startsWith('__'));
  expect(
    of('updateDefinitions')
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['catchUp', 'finalize', 'pause', 'reconfigure', 'restart', 'resume', 'stop'].sort());
  const all = ['queryDefinitions', 'updateDefinitions', 'signalDefinitions'].flatMap(of);
  expect(all.filter(({ description = '' }) => description.length < 20)).toEqual([]);
});
