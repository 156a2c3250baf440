import { setTimeout as pause } from 'node:timers/promises';
import type { CatchUpInput } from '../../protocol/stream-activities';
import { ReplicationError } from '../../core/model/errors';
import { reached } from '../../core/model/position';
import { runCall } from '../call';
import type { ActivityDeps } from '../deps';
import { openPipeline } from '../open';

const POLL_MS = 25;
const POLL_MAX_MS = 250;

/** Waits until the ledger has passed where the source is now. The ledger is asked, because it alone knows between legs. */
export const catchUp =
  (deps: ActivityDeps) =>
  ({ spec, timeoutMs }: CatchUpInput): Promise<{ readonly target: string }> =>
    runCall(deps, spec.stream.id, async ({ signal, report }) => {
      const deadline = deps.clock.now() + timeoutMs;
      await using pipeline = await openPipeline(deps, spec);
      const { source, destination } = pipeline;
      const target = await source.currentPosition(signal);
      const words = source.describe(target);
      report(() => ({ target: words }));
      for (let wait = POLL_MS; ; wait = Math.min(POLL_MAX_MS, wait * 2)) {
        const ledger = await destination.readLedger(spec.stream.id, signal);
        const lowWater = ledger?.lowWater ?? null;
        const there = lowWater !== null && reached(source.order(lowWater, target));
        // Rows from before the position come by backfills.
        if (there && ledger?.copying.length === 0) return { target: words };
        if (deps.clock.now() >= deadline) {
          throw new ReplicationError('retry', {
            code: 'catch_up_timeout',
            message: there
              ? `the stream has passed ${words}, and still copies ${ledger?.copying.length ?? 0} namespaces after ${timeoutMs} ms`
              : `the stream is at ${lowWater === null ? 'no position yet' : source.describe(lowWater)} after ${timeoutMs} ms and has not passed ${words}`,
            remedy: 'wait longer, or look at its status',
          });
        }
        await pause(wait, undefined, { signal });
      }
    });
