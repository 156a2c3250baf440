import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError, isRetryableError } from '@temporalio/client';
import { abortable } from '../core/async/abortable';
import { unreachable, type Unreachable } from '../temporal/unreachable';
import { CliError } from './failure';
import { span } from './render/text';
import type { Temporal } from './temporal';

/** A restart, a fail-over or an upgrade of Temporal takes less. */
const PATIENCE_MS = 5 * 60_000;
const TRY_MS = 5_000;
const RETRY_MS = 1_000;
const DEADLINE_EXCEEDED = 4;

export interface OutageOptions {
  readonly say: (line: string) => void;
  /** How long Temporal may be away. */
  readonly patienceMs?: number | undefined;
  /** What the command waits for is given up then, whether Temporal is back or not. */
  readonly withinMs?: number;
}

/** For commands that ask Temporal again and again: it may be away for a while, which is told once. */
export class Outage {
  readonly #temporal: Temporal;
  readonly #say: (line: string) => void;
  readonly #patienceMs: number;
  /** A clock that stands still while a laptop sleeps: its first second awake is no outage of an hour. */
  readonly #endMs: number;
  #sinceMs: number | undefined;
  #told = false;

  constructor(temporal: Temporal, { say, patienceMs = PATIENCE_MS, withinMs = Infinity }: OutageOptions) {
    this.#temporal = temporal;
    this.#say = say;
    this.#patienceMs = patienceMs;
    this.#endMs = performance.now() + withinMs;
  }

  /** Asks until Temporal answers. `ask` may run several times. Rejects as soon as the signal aborts. */
  async answer<T>(ask: (temporal: Temporal) => Promise<T>, signal: AbortSignal, tryMs: number = TRY_MS): Promise<T> {
    const temporal = { ...this.#temporal, client: this.#temporal.oneTry };
    for (;;) {
      const asked = temporal.client.withDeadline(Date.now() + tryMs, () => ask(temporal));
      try {
        const answer = await abortable(asked, signal);
        this.#isOver();
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        if (!isOutage(error)) throw error;
        this.#goesOn(error);
      }
      await delay(RETRY_MS, undefined, { signal });
    }
  }

  #goesOn(error: unknown): void {
    const { address, tls } = this.#temporal;
    const why = unreachable(error, { tls });
    const now = performance.now();
    const sinceMs = (this.#sinceMs ??= now);
    const leftMs = Math.min(sinceMs + this.#patienceMs, this.#endMs) - now;
    if (leftMs <= 0) throw tooLong(address, now - sinceMs, why, error);
    // One call that fails is no outage.
    if (this.#told || now === sinceMs) return;
    this.#told = true;
    this.#say(
      `Temporal does not answer at ${address} (${why.reason}); this goes on when it is back, and gives up after ${span(leftMs)}`,
    );
  }

  #isOver(): void {
    if (this.#told) this.#say(`Temporal answers again, after ${span(performance.now() - (this.#sinceMs ?? 0))}`);
    this.#sinceMs = undefined;
    this.#told = false;
  }
}

const tooLong = (address: string, forMs: number, { reason, remedy }: Unreachable, cause: unknown): CliError =>
  new CliError(
    `Temporal has not answered at ${address} for ${span(forMs)} (${reason})`,
    `${remedy}; streams go on by themselves as soon as it is back`,
    { cause },
  );

/** Temporal cannot be reached, or is too busy: the same question may have an answer later. */
export function isOutage(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!isGrpcServiceError(at)) continue;
    const code: number = at.code;
    return code === DEADLINE_EXCEEDED || isRetryableError(at);
  }
  return false;
}
