import type { Io } from '../io';
import { remark } from '../output';
import type { Temporal } from '../temporal';

export interface ControlOptions {
  readonly io: Io;
  /** `pausing orders`: what the person waits for. */
  readonly doing: string;
  readonly timeoutMs: number;
}

const HINT_AFTER_MS = 3_000;

/** Waits for an update's outcome, and says what it waits for when that takes longer than a person expects. */
export async function patiently<T>(
  { client, taskQueue }: Temporal,
  { io, doing, timeoutMs }: ControlOptions,
  update: () => Promise<T>,
): Promise<T> {
  const hint = setTimeout(() => {
    remark(io, `${doing}… (a worker on task queue ${JSON.stringify(taskQueue)} has to answer)`);
  }, HINT_AFTER_MS);
  try {
    return await client.withDeadline(Date.now() + timeoutMs, update);
  } finally {
    clearTimeout(hint);
  }
}
