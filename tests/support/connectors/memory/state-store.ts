import { randomUUID } from 'node:crypto';
import type { Page, RecordOp, StateRecord, StateStore } from '../../../../src/core/ports/state-store';
import { copyOf, type Interrupt, type MemoryServer } from './server';

/** One process's way to the records of a memory server. */
export class MemoryStateStore implements StateStore {
  readonly limits = { valueBytes: 1024 * 1024, bodyBytes: 16 * 1024 * 1024 };

  constructor(
    private readonly server: MemoryServer,
    private readonly interrupt: Interrupt = () => undefined,
  ) {}

  async get(keys: readonly string[], signal: AbortSignal): Promise<readonly (StateRecord | null)[]> {
    return this.#call('get', keys[0] ?? '', signal, () =>
      keys.map((key) => {
        const record = this.server.record(key);
        return record && copyOf(record);
      }),
    );
  }

  async scan(prefix: string, { after, limit }: Page, signal: AbortSignal): Promise<readonly StateRecord[]> {
    return this.#call('scan', prefix, signal, () =>
      this.server
        .keys(prefix)
        .filter((key) => after === null || key > after)
        .slice(0, limit)
        .map((key) => {
          const { body: _body, ...head } = copyOf(this.server.record(key)!);
          return head;
        }),
    );
  }

  async write(op: RecordOp, signal: AbortSignal): Promise<'written' | 'stale'> {
    if (op.expect === 'any') throw new RangeError('`any` stands only inside a step');
    return this.#call('write', op.op === 'put' ? op.next.key : op.key, signal, () => {
      if (!this.server.holds(op)) return 'stale';
      this.server.put(op);
      return 'written';
    });
  }

  async request(record: StateRecord, signal: AbortSignal): Promise<void> {
    await this.#call('request', record.key, signal, () => {
      const op = { op: 'put', expect: 'absent', next: record } as const;
      if (this.server.holds(op)) this.server.put(op);
    });
  }

  async fence(slot: string, epoch: number, signal: AbortSignal): Promise<StateRecord | null> {
    const nonce = randomUUID();
    const raise = () => this.#call('fence', slot, signal, () => this.server.fence(slot, epoch, nonce));
    try {
      return await raise();
    } catch (error) {
      if (!(error instanceof LostAnswer)) throw error;
      return raise();
    }
  }

  async #call<T>(call: string, key: string, signal: AbortSignal, run: () => T): Promise<T> {
    signal.throwIfAborted();
    await this.interrupt(call, 'before', key);
    const answer = run();
    await this.interrupt(call, 'after', key);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held.
  }
}

/** Thrown by an interrupt: the call was done, and its answer was lost. The caller repeats it. */
export class LostAnswer extends Error {}
