import type { Random } from '../core/ports/random';

/** Chance as the runtime has it: good enough for back-off, not for secrets. */
export const systemRandom: Random = { fraction: () => Math.random() };
