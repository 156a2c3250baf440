/** Wakes whoever waits for a condition, each time something may have changed. */
export class Gate {
  #waiting: (() => void)[] = [];
  #closed = false;

  /** Something changed: conditions are looked at again. */
  open(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Nothing will change any more. */
  close(): void {
    this.#closed = true;
    this.open();
  }

  /** Resolves when `condition` holds, after `timeoutMs`, or when the gate is closed: then with true. */
  async until(condition: () => boolean, timeoutMs?: number): Promise<boolean> {
    const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
    while (!condition() && !this.#closed) {
      if (deadline !== undefined && performance.now() >= deadline) break;
      await this.#next(deadline);
    }
    return this.#closed;
  }

  async #next(deadline: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      if (deadline !== undefined) timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
    });
    clearTimeout(timer);
  }
}

/** Waits, but no longer than until the signal aborts. */
export async function pause(signal: AbortSignal, ms: number): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
