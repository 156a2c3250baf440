import { totalmem } from 'node:os';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

const CHECK_EVERY_MS = 1_000;
/** What the Deployment gives to a worker. */
const USUAL_LIMIT = 512 * 1024 * 1024;
/** Larger ones V8 lets grow further by itself, bytes. */
const SMALL_HEAP = 512 * 1024 * 1024;
/** Up to this part of its memory a worker spends memory to save time. */
const ROOMY = 0.75;
const GROWTH_PERCENT = 150;
/** V8 decides by itself. */
const OWN_DECISION = 0;

/** How far the heap may grow from one full collection to the next, in percent, at this resident memory in bytes. */
export const growthPercent = (residentBytes: number, limitBytes: number): number =>
  residentBytes < ROOMY * limitBytes ? GROWTH_PERCENT : OWN_DECISION;

/** What the container may have, bytes. */
export function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : USUAL_LIMIT;
}

/**
 * V8 lets a heap whose maximum is small grow by 30 % between two full collections, and counts the buffers of messages in:
 * a worker that moves 10 MB/s would collect all of its heap three times a second, a third of its time. As long as it is
 * far from its limit it collects less often. For a process of its own.
 */
export function relaxHeap(limitBytes = memoryLimit()): void {
  if (getHeapStatistics().heap_size_limit > SMALL_HEAP) return;
  let inForce = OWN_DECISION;
  const check = (): void => {
    const wanted = growthPercent(process.memoryUsage.rss(), limitBytes);
    if (wanted === inForce) return;
    setFlagsFromString(`--heap-growing-percent=${wanted}`);
    inForce = wanted;
  };
  check();
  setInterval(check, CHECK_EVERY_MS).unref();
}
