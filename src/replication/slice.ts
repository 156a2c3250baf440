const LOOK_EVERY_MS = 1_000;
/** The call that the leg runs in may take a day. */
const LONGEST_WAIT_MS = 23 * 60 * 60_000;

export interface SliceOptions {
  readonly sliceMs: number;
  /** The destination works on a schema change or an index. */
  readonly isBusy: () => boolean;
  readonly end: () => void;
}

/**
 * Ends a leg when its slice is over and the destination is not busy: cut off in the middle, a server gives up an index build or
 * a rename and the next leg begins it anew, for ever where it takes longer than a slice.
 */
export function endSlice({ sliceMs, isBusy, end }: SliceOptions): Disposable {
  const begunAt = performance.now();
  let timer = setTimeout(look, sliceMs);
  function look(): void {
    if (isBusy() && performance.now() - begunAt < LONGEST_WAIT_MS) timer = setTimeout(look, LOOK_EVERY_MS);
    else end();
  }
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
