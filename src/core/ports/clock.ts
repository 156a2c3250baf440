/** The only time that the core knows: a simulation gives its own, in which an hour takes no longer than its events do. */
export interface Clock {
  /** Time of day in milliseconds since 1970 (UTC), as the times of sources are. It may jump: never measure with it. */
  now(): number;
  /** Milliseconds since some moment, to measure with: never goes back. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or as soon as the signal aborts; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `fire` once, after `ms` milliseconds, unless what it returns is disposed before. */
  timer(ms: number, fire: () => void): Disposable;
}
