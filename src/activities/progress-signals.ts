import { Context } from '@temporalio/activity';
import { durationMs } from '../config/values/duration';
import type { LegBase } from '../protocol/stream-activities';
import { progressSignal } from '../protocol/stream-messages';
import { shown } from '../protocol/stream-view';
import type { Log } from '../core/ports/connector';
import type { CopyProgress, LegProgress } from '../core/pump/progress';

type Progress = LegProgress | CopyProgress;

/** How far rows have come: equal when nothing has moved. */
const moves = (progress: Progress): number =>
  'totals' in progress
    ? progress.totals.read + progress.totals.applied + progress.totals.schemaChanges + (progress.copies?.rows ?? 0)
    : progress.rows + progress.rangesDone;

/**
 * Tells the workflow how far its leg is, so that status and web UI are not as old as the last leg. Each signal is an
 * action: one in `advanced.status_interval` at most, and none while nothing moves.
 */
export class ProgressSignals {
  readonly #context = Context.current();
  readonly #epoch: number;
  readonly #log: Log;
  readonly #everyMs: number;
  #lastMs = performance.now();
  #moves = 0;

  constructor({ spec, epoch }: LegBase, log: Log) {
    this.#epoch = epoch;
    this.#log = log;
    this.#everyMs = durationMs(spec.stream.advanced.status_interval);
  }

  /** Passes on the progress that it reads. */
  see<P extends Progress>(progress: P): P {
    const now = performance.now();
    const moved = moves(progress);
    if (moved === this.#moves || now - this.#lastMs < this.#everyMs) return progress;
    this.#lastMs = now;
    this.#moves = moved;
    void this.#send('totals' in progress ? shown(progress) : progress);
    return progress;
  }

  async #send(progress: Omit<LegProgress, 'position'> | CopyProgress): Promise<void> {
    const { workflowId = '', runId } = this.#context.info.workflowExecution ?? {};
    try {
      const handle = this.#context.client.workflow.getHandle(workflowId, runId);
      await handle.signal(progressSignal, { epoch: this.#epoch, progress });
    } catch {
      // The next one tells more; a Temporal that is away is told of elsewhere.
      this.#log('debug', 'progress.not_told');
    }
  }
}
