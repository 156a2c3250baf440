import type { Clock } from '../ports/clock';

const LOOK_EVERY_MS = 1_000;
/** The call that the leg runs in may take a day. */
const LONGEST_WAIT_MS = 23 * 60 * 60_000;

export interface SliceOptions {
  readonly sliceMs: number;
  /** The destination works on a schema change or an index. */
  readonly isBusy: () => boolean;
  readonly end: () => void;
  readonly clock: Clock;
}

/**
 * Ends a leg when its slice is over and the destination is not busy: cut off in the middle, a server gives up an index build or
 * a rename and the next leg begins it anew, for ever where it takes longer than a slice.
 */
export function endSlice({ sliceMs, isBusy, end, clock }: SliceOptions): Disposable {
  const begunAt = clock.monotonic();
  let timer = clock.timer(sliceMs, look);
  function look(): void {
    if (isBusy() && clock.monotonic() - begunAt < LONGEST_WAIT_MS) timer = clock.timer(LOOK_EVERY_MS, look);
    else end();
  }
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
