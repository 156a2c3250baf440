import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { StreamSpec } from '../../src/config/schema';
import type { PumpLeg } from '../../src/protocol/stream-activities';
import {
  catchUpUpdate,
  finalizeUpdate,
  pauseUpdate,
  reconfigureUpdate,
  restartUpdate,
  resumeUpdate,
  specQuery,
} from '../../src/protocol/stream-messages';
import {
  at,
  copied,
  fails,
  longLeg,
  prepared,
  pumped,
  Script,
  specOf,
  Theatre,
  untilCancelled,
} from './workflow-context';

let theatre: Theatre;
beforeAll(async () => {
  theatre = await Theatre.open();
});
afterAll(() => theatre[Symbol.asyncDispose]());

/** What a person reads when an update is refused or fails. */
async function refused(update: Promise<unknown>): Promise<string> {
  try {
    await update;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) return error.cause?.message ?? '';
    throw error;
  }
  throw new Error('the update was not refused');
}

const given = (id: string, more: Parameters<typeof specOf>[1] = {}) => specOf(id, more) as StreamSpec;

describe('pause', () => {
  test('ends a leg, keeps its position, and resume goes on from there', async () => {
    await using stage = await theatre.stage();
    const { handle, script } = stage;
    await stage.begun('pump');
    const paused = await handle.executeUpdate(pauseUpdate, { args: [{ reason: 'the moon' }] });
    expect(paused).toMatchObject({ status: 'paused', at: 'position 2', pauseReason: 'the moon' });
    expect(await handle.executeUpdate(pauseUpdate, { args: [{}] })).toMatchObject({ status: 'paused' });
    expect(await refused(handle.executeUpdate(finalizeUpdate))).toContain('resume it to finalize it');

    expect(await handle.executeUpdate(resumeUpdate)).toMatchObject({ status: 'replicating', pauseReason: null });
    await stage.begun('pump', 2);
    expect(script.inputs('pump')[1]).toMatchObject({ position: at(2) });
    expect(await handle.executeUpdate(resumeUpdate)).toMatchObject({ status: 'replicating', legs: 2 });
  });

  test('interrupts preparing and copying', async () => {
    const script = new Script()
      .next('prepare', async () => {
        await untilCancelled();
        return fails('retry', { code: 'interrupted' });
      })
      .next('copy', async () => {
        await untilCancelled();
        return copied({ reason: 'cancelled', inStepAfter: null });
      });
    await using stage = await theatre.stage({ script });
    await stage.begun('prepare');
    const first = await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    expect(first).toMatchObject({ status: 'paused', phase: 'prepare', failures: 0, failure: null });
    await stage.handle.executeUpdate(resumeUpdate);
    await stage.begun('copy');
    expect(await stage.handle.executeUpdate(pauseUpdate, { args: [{}] })).toMatchObject({
      status: 'paused',
      phase: 'snapshot',
    });
    await stage.handle.executeUpdate(resumeUpdate);
    await stage.begun('pump');
    expect(script.epochs).toEqual([1, 2, 3, 4, 5]);
  });

  test('interrupts a back-off', async () => {
    const script = new Script().next('pump', () => fails('retry'));
    await using stage = await theatre.stage({
      script,
      spec: { retry_policy: { initial_delay: '1h', max_delay: '1h' } },
    });
    expect((await stage.is('retrying')).nextTryAt).not.toBeNull();
    expect(await stage.handle.executeUpdate(pauseUpdate, { args: [{}] })).toMatchObject({ status: 'paused' });
    expect(await stage.handle.executeUpdate(resumeUpdate)).toMatchObject({ status: 'replicating', failures: 0 });
    await stage.begun('pump', 2);
  });
});

describe('reconfigure', () => {
  test('answers when the next leg runs with the new spec', async () => {
    await using stage = await theatre.stage();
    await stage.begun('pump');
    const view = await stage.handle.executeUpdate(reconfigureUpdate, { args: [given(stage.id, { batch_size: 77 })] });
    expect(view).toMatchObject({ status: 'replicating', revision: 1 });
    await stage.begun('pump', 2);
    expect(stage.script.inputs('pump')[1]?.spec.stream.batch_size).toBe(77);
    expect((await stage.handle.query(specQuery)).stream.batch_size).toBe(77);
    const again = await stage.handle.executeUpdate(reconfigureUpdate, { args: [given(stage.id, { batch_size: 77 })] });
    expect(again).toMatchObject({ revision: 1, legs: 2 });
  });

  test('that expects another revision than the one in force is refused, and one of two at once is', async () => {
    await using stage = await theatre.stage();
    await stage.begun('pump');
    const update = (batch_size: number, expectedRevision: number) =>
      stage.handle.executeUpdate(reconfigureUpdate, { args: [given(stage.id, { batch_size }), { expectedRevision }] });
    const both = await Promise.allSettled([update(70, 0), update(71, 0)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const { batch_size: inForce } = (await stage.handle.query(specQuery)).stream;
    expect(both.map(({ status }) => status === 'fulfilled')).toEqual([inForce === 70, inForce === 71]);
    expect(await refused(update(72, 0))).toContain('it is at revision 1');
    // Who wanted what is in force is told nothing.
    expect(await update(inForce, 0)).toMatchObject({ revision: 1 });
    expect(await update(72, 1)).toMatchObject({ revision: 2 });
    expect(await refused(update(73, 'one' as never))).toContain('expectedRevision');
  });

  test('of a paused stream is in force when it is resumed', async () => {
    await using stage = await theatre.stage();
    await stage.begun('pump');
    await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    const view = await stage.handle.executeUpdate(reconfigureUpdate, { args: [given(stage.id, { batch_size: 5 })] });
    expect(view).toMatchObject({ status: 'paused', revision: 1 });
    await stage.handle.executeUpdate(resumeUpdate);
    await stage.begun('pump', 2);
    expect(stage.script.inputs('pump')[1]?.spec.stream.batch_size).toBe(5);
  });

  test('refuses another stream, a bad spec and what would need a new copy; the stream goes on', async () => {
    await using stage = await theatre.stage();
    await stage.begun('pump');
    const { handle } = stage;
    const update = (spec: StreamSpec) => handle.executeUpdate(reconfigureUpdate, { args: [spec] });
    expect(await refused(update(given('other')))).toContain('stream other');
    expect(await refused(update(given(stage.id, { batch_size: 0 })))).toContain('batch_size');
    const source = { type: 'mongodb', connection_string: '${env:SOURCE_URI}', database: 'elsewhere' } as const;
    expect(await refused(update(given(stage.id, { source })))).toContain('source.database');
    expect(await stage.status()).toMatchObject({ status: 'replicating', revision: 0, legs: 1 });
  });

  test('mends a spec that was wrong from the start', async () => {
    const id = 'mended';
    await using stage = await theatre.stage({ id, raw: { stream: { id, batch_size: 'many' } } });
    const bad = await stage.is('needs_attention');
    expect(bad.failure).toMatchObject({ code: 'config_invalid' });
    expect(bad.failure?.message).toContain('stream.source');
    expect(await refused(stage.handle.executeUpdate(restartUpdate, { args: [{ from: 'snapshot' }] }))).toContain(
      'reconfigure',
    );
    await stage.handle.executeUpdate(reconfigureUpdate, { args: [given(id)] });
    await stage.is('replicating');
  });
});

describe('restart', () => {
  test('takes a new start position and goes on', async () => {
    const script = new Script().next(
      'prepare',
      () => Promise.resolve(prepared()),
      () => Promise.resolve(prepared({ position: at(40) })),
    );
    await using stage = await theatre.stage({ script });
    await stage.begun('pump');
    await stage.handle.executeUpdate(restartUpdate, { args: [{ from: 'snapshot' }] });
    await stage.begun('pump', 2);
    expect(script.inputs('prepare')[1]).toMatchObject({
      restart: true,
      copyMode: 'refuse',
      plan: true,
      ledger: 'any',
    });
    expect(script.inputs('pump')[1]).toMatchObject({ position: at(40) });
    expect(script.inputs('prepare')).toHaveLength(2);
  });

  test('is asked again of a prepare that failed', async () => {
    const script = new Script().next(
      'prepare',
      () => Promise.resolve(prepared()),
      () => fails('retry'),
    );
    await using stage = await theatre.stage({ script });
    await stage.begun('pump');
    await stage.handle.executeUpdate(restartUpdate, { args: [{ from: 'snapshot' }] });
    await stage.begun('pump', 2);
    expect(script.inputs('prepare').map(({ restart }) => restart)).toEqual([false, true, true]);
  });
});

describe('catchUp', () => {
  test('answers with what the activity found', async () => {
    await using stage = await theatre.stage();
    await stage.begun('pump');
    const answer = await stage.handle.executeUpdate(catchUpUpdate, { args: [{ timeoutMs: 1000 }] });
    expect(answer.target).toBe('position 50');
    expect(stage.script.inputs('catchUp')[0]?.timeoutMs).toBe(1000);
    expect(await refused(stage.handle.executeUpdate(catchUpUpdate, { args: [{ timeoutMs: -1 }] }))).toContain(
      'timeoutMs',
    );
  });

  test('fails as soon as the stream no longer moves', async () => {
    const script = new Script().next('catchUp', async () => {
      await untilCancelled();
      return { target: '' };
    });
    await using stage = await theatre.stage({ script });
    await stage.begun('pump');
    const waiting = refused(stage.handle.executeUpdate(catchUpUpdate, { args: [{}] }));
    await stage.begun('catchUp');
    await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    expect(await waiting).toContain('the stream is paused');
    expect(await refused(stage.handle.executeUpdate(catchUpUpdate, { args: [{}] }))).toContain('the stream is paused');
  });
});

describe('finalize', () => {
  const reaches = ({ until }: Pick<PumpLeg, 'until'>) => Promise.resolve(pumped(until!, { reason: 'reached' }));

  const tooLate = async ({ until }: Pick<PumpLeg, 'until'>) => {
    await untilCancelled();
    return reaches({ until });
  };

  test('is refused while copying, and withdrawn by a pause', async () => {
    const script = new Script()
      .next('copy', async () => {
        await untilCancelled();
        return copied({ reason: 'cancelled', inStepAfter: null });
      })
      .next('pump', longLeg, longLeg, longLeg, reaches);
    await using stage = await theatre.stage({ script });
    await stage.begun('copy');
    expect(await refused(stage.handle.executeUpdate(finalizeUpdate))).toContain('still copying');
    await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    await stage.handle.executeUpdate(resumeUpdate);
    await stage.begun('pump');
    const finalized = refused(stage.handle.executeUpdate(finalizeUpdate));
    await stage.begun('pump', 2);
    await stage.handle.executeUpdate(pauseUpdate, { args: [{}] });
    expect(await finalized).toContain('the stream is paused');
    expect(await stage.handle.executeUpdate(resumeUpdate)).toMatchObject({ status: 'replicating' });
    await stage.begun('pump', 3);
    expect(script.inputs('pump').map(({ until }) => until)).toEqual([null, at(100), null]);
    expect(await stage.handle.executeUpdate(finalizeUpdate)).toMatchObject({ view: { status: 'finalized' } });
  });

  test('asked for again, or resumed after trouble, runs to where the source is by then', async () => {
    let here = 100;
    const script = new Script()
      .usually('here', () => Promise.resolve({ position: at(here++), at: 'here' }))
      // The second one is told to end, and has reached its end all the same.
      .next('pump', longLeg, tooLate, () => fails('needs_attention'), reaches);
    await using stage = await theatre.stage({ script });
    await stage.begun('pump');
    const first = refused(stage.handle.executeUpdate(finalizeUpdate));
    await stage.begun('pump', 2);
    expect(await refused(stage.handle.executeUpdate(finalizeUpdate))).toContain('needs attention');
    expect(await first).toContain('needs attention');
    await stage.handle.executeUpdate(resumeUpdate);
    expect(await stage.handle.result()).toMatchObject({ status: 'finalized' });
    expect(script.inputs('pump').map(({ until }) => until)).toEqual([null, at(100), at(101), at(102)]);
  });
});
