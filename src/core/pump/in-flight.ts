import type { Change } from '../model/change';

/** Read ahead of the slowest lane at most. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_CHANGES = 20_000;

/** What was read and is not durable yet, bounded in bytes and in number. */
export class InFlight {
  #bytes = 0;
  #changes = 0;

  add(changes: readonly Change[]): void {
    for (const change of changes) this.#bytes += change.bytes;
    this.#changes += changes.length;
  }

  remove(changes: number, bytes: number): void {
    this.#changes -= changes;
    this.#bytes -= bytes;
  }

  get room(): boolean {
    return this.#bytes < MAX_BYTES && this.#changes < MAX_CHANGES;
  }
}
