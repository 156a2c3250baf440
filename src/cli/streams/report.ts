import type { StreamStatus } from '../../protocol/stream-state';
import type { StreamView } from '../../protocol/stream-view';

export type Execution = 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed_out' | 'unknown';

/** One stream as the command line sees it: the documented JSON of `streams list` and `streams status`. */
export interface StreamReport {
  readonly stream: string;
  /** From the stream itself, or from Temporal's search attributes where no worker answers. */
  readonly status: StreamStatus | 'unknown';
  readonly workflow: {
    readonly id: string;
    readonly runId: string;
    readonly taskQueue: string;
    readonly execution: Execution;
    readonly startedAt: string;
  };
  /** Whether a worker answered the status query. */
  readonly worker: 'answers' | 'silent';
  /** The figures in `view` come from a running leg's last heartbeat, not from its last return. */
  readonly live: boolean;
  readonly view: StreamView | null;
}
