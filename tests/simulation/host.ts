import type { Clock } from '../../src/core/ports/clock';

/**
 * A worker's process. Frozen, nothing in it moves: answers and timers wait until it thaws. Dead, nothing in it ever moves
 * again. What it has sent before is on its way all the same.
 */
export class Host {
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #held: (() => void)[] = [];
  #endsThen: (() => void) | null = null;
  readonly clock: Clock;
  /** Resolves when the workflow takes this process for lost. */
  readonly lost: Promise<void>;

  constructor(
    private readonly world: Clock,
    readonly name: string,
  ) {
    this.lost = new Promise((resolve) => (this.#endsThen = resolve));
    this.clock = {
      now: () => world.now(),
      monotonic: () => world.monotonic(),
      timer: (ms, fire) => world.timer(ms, () => this.deliver(fire)),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** Something from outside happens inside of the process: now, once it thaws, or never. */
  deliver(happen: () => void): void {
    if (this.#state === 'running') happen();
    else if (this.#state === 'frozen') this.#held.push(happen);
  }

  /** Its workflow hears of it no more after `silentMs`; it goes on after `frozenMs`, which may be sooner. */
  freeze(frozenMs: number, silentMs: number): void {
    if (this.#state !== 'running') return;
    this.#state = 'frozen';
    if (frozenMs >= silentMs) this.world.timer(silentMs, () => this.#endsThen?.());
    this.world.timer(frozenMs, () => this.#thaw());
  }

  #thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const happen of held) this.world.timer(0, () => this.deliver(happen));
  }

  kill(silentMs: number): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#held = [];
    this.world.timer(silentMs, () => this.#endsThen?.());
  }

  /** The workflow takes it for lost, and it goes on. */
  cutOff(): void {
    this.#endsThen?.();
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.clock.timer(ms, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
