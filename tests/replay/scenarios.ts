import type { StreamSpec } from '../../src/config/schema';
import {
  catchUpUpdate,
  finalizeUpdate,
  pauseUpdate,
  progressSignal,
  reconfigureUpdate,
  restartUpdate,
  resumeUpdate,
  stopUpdate,
} from '../../src/protocol/stream-messages';
import {
  at,
  copied,
  copyProgress,
  fails,
  legProgress,
  longLeg,
  prepared,
  pumped,
  Script,
  specOf,
  type Stage,
} from '../integration/workflow-context';

const OFTEN = { advanced: { heartbeat_timeout: '2s', status_interval: '500ms' } };

export interface Scenario {
  readonly script: () => Script;
  readonly play: (stage: Stage) => Promise<void>;
  readonly spec?: typeof OFTEN;
}

const copyInTwo = (script: Script): Script =>
  script.next('copy', () =>
    Promise.resolve(copied({ reason: 'slice', progress: copyProgress(50), inStepAfter: null })),
  );

/** More than fit into one run of a recorded history. */
const LEGS = 30;

/** The lives whose histories are kept: every phase, every command, every kind of failure. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'copied-paused-finalized': {
    script: () => copyInTwo(new Script()),
    play: async (stage) => {
      await stage.begun('pump');
      await stage.handle.executeUpdate(catchUpUpdate, { args: [{}] });
      await stage.handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a look' }] });
      await stage.handle.executeUpdate(resumeUpdate);
      await stage.begun('pump', 2);
      stage.script.usually('pump', ({ until, position }) =>
        Promise.resolve(pumped(until ?? position ?? at(0), { reason: until === null ? 'slice' : 'reached' })),
      );
      await stage.handle.executeUpdate(finalizeUpdate);
    },
  },
  'failed-fenced-attended': {
    script: () =>
      new Script()
        .next('prepare', () => fails('retry'))
        .next('copy', () => fails('fenced', { epoch: 40 }))
        .next(
          'pump',
          () => fails('retry', { position: at(7) }),
          () => fails('needs_attention'),
        ),
    play: async (stage) => {
      await stage.is('needs_attention');
      await stage.handle.executeUpdate(resumeUpdate);
      await stage.begun('pump', 3);
      await stage.handle.executeUpdate(stopUpdate);
    },
  },
  'parked-reconfigured-restarted': {
    script: () =>
      new Script()
        .next('prepare', () => Promise.resolve(prepared({ copyPending: false, copying: [] })))
        .next('pump', () => fails('needs_attention', { code: 'collation_differs', namespace: 'shop.orders' })),
    play: async (stage) => {
      await stage.begun('pump', 2);
      const spec = specOf(stage.id, { batch_size: 9 }) as StreamSpec;
      await stage.handle.executeUpdate(reconfigureUpdate, { args: [spec] });
      await stage.handle.executeUpdate(restartUpdate, { args: [{ from: 'snapshot' }] });
      await stage.begun('pump', 4);
      await stage.handle.cancel();
      await stage.handle.result();
    },
  },
  'written-behind-the-low-water': {
    script: () => {
      // Its slowest lane is where it was: only what the others wrote is progress.
      const { totals, ...progress } = legProgress(at(2));
      const behind = { ...progress, position: null, totals: { ...totals, applied: 5 } };
      return new Script().next(
        'pump',
        () => fails('retry', { progress: behind }),
        () => fails('retry', { progress: behind }),
      );
    },
    play: async (stage) => {
      await stage.begun('pump', 3);
      await stage.handle.executeUpdate(stopUpdate);
    },
  },
  'inspected-signalled': {
    script: () =>
      new Script().next(
        'pump',
        () => fails('retry'),
        longLeg,
        () => fails('needs_attention'),
      ),
    play: async (stage) => {
      await stage.begun('pump', 2);
      const epoch = stage.script.inputs('pump')[1]?.epoch ?? 0;
      const { position: _position, ...progress } = legProgress(at(2));
      await stage.handle.signal(progressSignal, { epoch, progress });
      await stage.handle.executeUpdate(pauseUpdate, { args: [{ reason: 'a look' }] });
      await stage.begun('inspectPosition', 2);
      const spec = specOf(stage.id, { batch_size: 9, ...OFTEN }) as StreamSpec;
      await stage.handle.executeUpdate(reconfigureUpdate, { args: [spec, { expectedRevision: 0 }] });
      stage.script.next('inspectPosition', () => fails('retry'));
      await stage.handle.executeUpdate(resumeUpdate);
      await stage.is('needs_attention');
      await stage.begun('inspectPosition', 4);
      await stage.handle.executeUpdate(stopUpdate);
    },
    spec: OFTEN,
  },
  continued: {
    script: () =>
      new Script().next(
        'pump',
        ...Array.from({ length: LEGS }, (_, n) => () => Promise.resolve(pumped(at(n + 1), { reason: 'slice' }))),
      ),
    play: async (stage) => {
      await stage.begun('pump', LEGS + 1);
      await stage.handle.executeUpdate(pauseUpdate, { args: [{ reason: 'in the new run' }] });
      await stage.handle.executeUpdate(resumeUpdate);
      await stage.begun('pump', LEGS + 2);
      await stage.handle.executeUpdate(stopUpdate);
    },
  },
};
