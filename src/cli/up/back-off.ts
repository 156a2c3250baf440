const FIRST_MS = 1_000;
const MOST_MS = 30_000;
/** A worker that ran this long ran well: its end is a new trouble, not the same one again. */
const WELL_MS = 60_000;
/** A worker that fails this early never ran: a port is taken, or Temporal refuses it. */
const START_MS = 20_000;
const MOST_STARTS = 3;

export interface Ending {
  readonly ranMs: number;
  /** It ended by itself with a status other than 0. One that a signal ended, such as SIGKILL, is no failed start. */
  readonly failed: boolean;
}

/** When the next worker starts: later each time, soon again after one that ran well. */
export class BackOff {
  #nextMs = FIRST_MS;
  #failedStarts = 0;

  /** Null when too many in a row have failed at their start. */
  after({ ranMs, failed }: Ending): number | null {
    this.#failedStarts = failed && ranMs < START_MS ? this.#failedStarts + 1 : 0;
    if (this.#failedStarts >= MOST_STARTS) return null;
    if (ranMs >= WELL_MS) this.#nextMs = FIRST_MS;
    const delayMs = this.#nextMs;
    this.#nextMs = Math.min(MOST_MS, delayMs * 2);
    return delayMs;
  }
}
