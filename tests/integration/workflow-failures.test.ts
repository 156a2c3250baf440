import { Context } from '@temporalio/activity';
import { sentAgain } from '../../src/cli/streams/control';
import { resumeUpdate, stopUpdate } from '../../src/protocol/stream-messages';
import { at, copied, copyProgress, fails, legProgress, longLeg, pumped, Script, Theatre } from './workflow-context';

let theatre: Theatre;
beforeAll(async () => {
  theatre = await Theatre.open();
});
afterAll(() => theatre[Symbol.asyncDispose]());

describe('a leg that fails', () => {
  test('with retry is tried again from the position that it handed back', async () => {
    const script = new Script().next(
      'pump',
      () => fails('retry', { position: at(30) }),
      () => Promise.resolve(pumped(at(31))),
      longLeg,
    );
    await using stage = await theatre.stage({ script });
    await stage.begun('pump', 3);
    expect(script.inputs('pump').map(({ position }) => position)).toEqual([at(1), at(30), at(31)]);
    // Short after the failure, to see soon that it is well again.
    expect(script.inputs('pump')[1]?.sliceMs).toBeLessThanOrEqual(6_000);
    const view = await stage.status();
    expect(view).toMatchObject({
      status: 'replicating',
      failures: 0,
      failure: { code: 'test_retry', remedy: 'do this' },
    });
    expect(view.failure).not.toHaveProperty('position');
  });

  test('more often in a row than the policy allows needs attention; resume tries again', async () => {
    const script = new Script().next(
      'pump',
      () => fails('retry'),
      () => fails('retry'),
      () => fails('retry'),
    );
    await using stage = await theatre.stage({
      script,
      spec: { retry_policy: { initial_delay: '20ms', max_delay: '20ms', max_attempts: 3 } },
    });
    expect(await stage.is('needs_attention')).toMatchObject({ failures: 3 });
    await stage.handle.executeUpdate(resumeUpdate);
    await stage.is('replicating');
    expect(script.inputs('pump')).toHaveLength(4);
  });

  test('after it has written something is no failure in a row, also where the slowest lane holds the low water', async () => {
    const slow = { ...legProgress(at(1)), stepChanges: 16 };
    const failing = () => fails('retry', { position: at(1), progress: slow });
    const script = new Script().next('pump', failing, failing, failing, longLeg);
    await using stage = await theatre.stage({
      script,
      spec: { retry_policy: { initial_delay: '20ms', max_delay: '20ms', max_attempts: 2 } },
    });
    await stage.begun('pump', 4);
    expect((await stage.status()).failures).toBe(1);
  });

  test('hands on to the next one how large steps may be, and so does a copy', async () => {
    const script = new Script()
      .next('copy', () => Promise.resolve(copied({ reason: 'slice', progress: { ...copyProgress(50), stepRows: 20 } })))
      .next(
        'pump',
        () => fails('retry', { position: at(1), progress: { ...legProgress(at(1)), stepChanges: 16 } }),
        () => Promise.resolve(pumped(at(2), { progress: { ...legProgress(at(2)), stepChanges: 32 } })),
        () => Promise.resolve(pumped(at(3))),
        longLeg,
      );
    await using stage = await theatre.stage({ script });
    await stage.begun('pump', 4);
    expect(script.inputs('copy').map(({ stepRows }) => stepRows)).toEqual([undefined, 20]);
    expect(script.inputs('pump').map(({ stepChanges }) => stepChanges)).toEqual([undefined, 16, 32, undefined]);
  });

  test.each(['needs_attention', 'bug', 'poison'] as const)('with %s waits for a person', async (kind) => {
    const script = new Script().next('pump', () => fails(kind, { position: at(9) }));
    await using stage = await theatre.stage({ script });
    const view = await stage.is('needs_attention');
    expect(view).toMatchObject({ failure: { kind, message: `a failure of kind ${kind}`, remedy: 'do this' } });
    expect(await stage.handle.executeUpdate(resumeUpdate)).toMatchObject({ status: 'replicating' });
    await stage.begun('pump', 2);
    expect(script.inputs('pump')[1]?.position).toEqual(at(9));
  });

  test('with fenced goes on above the epoch of the ledger, at once', async () => {
    const script = new Script().next('pump', () => fails('fenced', { code: 'fenced', epoch: 41 }));
    await using stage = await theatre.stage({
      script,
      spec: { retry_policy: { initial_delay: '1h', max_delay: '1h' } },
    });
    await stage.begun('pump', 2);
    expect(script.epochs).toEqual([1, 2, 3, 42]);
  });

  test('with fenced again and again backs off', async () => {
    const script = new Script().usually('pump', ({ epoch }) => fails('fenced', { code: 'fenced', epoch: epoch + 5 }));
    await using stage = await theatre.stage({
      script,
      spec: { retry_policy: { initial_delay: '1h', max_delay: '1h' } },
    });
    await stage.begun('pump', 4);
    const view = await stage.is('retrying');
    expect(view.nextTryAt).not.toBeNull();
    expect(script.inputs('pump')).toHaveLength(4);
  });

  test('with its worker goes on from the last heartbeat, at once', async () => {
    const script = new Script().next('pump', async () => {
      Context.current().heartbeat(legProgress(at(77)));
      // As silent as a frozen process.
      await new Promise((resolve) => {
        Context.current().cancellationSignal.addEventListener('abort', resolve, { once: true });
      });
      return pumped(at(99));
    });
    await using stage = await theatre.stage({
      script,
      spec: { advanced: { heartbeat_timeout: '1s' }, retry_policy: { initial_delay: '1h', max_delay: '1h' } },
    });
    await stage.begun('pump', 2);
    expect(script.inputs('pump')[1]?.position).toEqual(at(77));
    expect(await stage.status()).toMatchObject({ status: 'retrying', failure: { code: 'worker_lost' } });
  });

  test('in a way that is not classified shows nothing of the message', async () => {
    const script = new Script().next('pump', () => {
      throw new TypeError('canary row');
    });
    await using stage = await theatre.stage({ script });
    await stage.begun('pump', 2);
    const view = await stage.status();
    expect(view.failure).toMatchObject({ code: 'activity_failed' });
    expect(JSON.stringify(view)).not.toContain('canary');
  });

  test('can be stopped while it backs off and while it needs attention', async () => {
    const script = new Script().next('prepare', () => fails('needs_attention'));
    await using stage = await theatre.stage({ script });
    await stage.is('needs_attention');
    const stopped = await sentAgain(() => stage.handle.executeUpdate(stopUpdate));
    expect(stopped).toMatchObject({ status: 'stopped' });
  });
});
