import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../../servers/errors';
import type { RunningTemporal } from '../../servers/temporal/server';

const RETRY_MS = 5_000;

/** The Temporal server that `up` has started, started again on the same ports with the same workflows when it ends. */
export class KeptTemporal implements AsyncDisposable {
  readonly #server: RunningTemporal;
  readonly #say: (line: string) => void;
  readonly #stop = new AbortController();
  readonly #keeping: Promise<void>;

  constructor(server: RunningTemporal, say: (line: string) => void) {
    this.#server = server;
    this.#say = say;
    this.#keeping = this.#keep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server[Symbol.asyncDispose]();
    await this.#keeping;
  }

  /** Asked again after each wait: the compiler takes the first answer for the last. */
  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #keep(): Promise<void> {
    for (;;) {
      const ending = await this.#server.ended;
      if (this.#stopped()) return;
      this.#say(`Temporal ended with ${ending}; it is started again`);
      await this.#server.restart().catch(async (error: unknown) => {
        if (this.#stopped()) return;
        this.#say(`Temporal did not start: ${reasonOf(error)}`);
        await delay(RETRY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      });
      // It was being started while this was being stopped.
      if (!this.#stopped()) continue;
      await this.#server[Symbol.asyncDispose]();
      return;
    }
  }
}
