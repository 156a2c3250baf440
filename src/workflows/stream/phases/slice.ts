/** Short at first, so that progress and failures are seen early; then longer, so that history stays short. */
export const PUMP_SLICE_MS = 15_000;
export const COPY_SLICE_MS = 30_000;
export const COPY_SLICE_MAX_MS = 60_000;
/** After a failure: the sooner the leg returns, the sooner the stream is seen to be well again. */
export const PROBE_SLICE_MS = 5_000;

export const doubled = (sliceMs: number, maxMs: number): number => Math.min(maxMs, sliceMs * 2);

/** ±20 %, so that the legs of many streams do not end together. */
export const jittered = (sliceMs: number, random: number): number => Math.round(sliceMs * (0.8 + 0.4 * random));
