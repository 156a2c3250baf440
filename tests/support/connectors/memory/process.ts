import { ClaimedLedger } from '../../../../src/core/ledger/ledger';
import type { LedgerClock } from '../../../../src/core/ledger/records/context';
import type { WriterTraits } from '../../../../src/core/ports/writer';
import type { Interrupt, MemoryServer } from './server';
import { MemoryStateStore } from './state-store';
import { MemoryWriter, type MemoryWriterOptions } from './writer';

const never = new AbortController().signal;

export class Crash extends Error {}

export interface ProcessOptions extends MemoryWriterOptions {
  readonly stream?: string;
  /** Milliseconds; a test moves it. */
  readonly clock?: LedgerClock;
}

/** A worker's process: it may crash or freeze at any call that it makes to the server, and stays dead once it has crashed. */
export class MemoryProcess {
  readonly store: MemoryStateStore;
  readonly writer: MemoryWriter;
  #dead = false;

  constructor(
    server: MemoryServer,
    traits: Partial<WriterTraits>,
    private readonly options: ProcessOptions = {},
  ) {
    const interrupt: Interrupt = async (call, moment, key) => {
      if (this.#dead) throw new Crash('the process is dead');
      await options.interrupt?.(call, moment, key);
    };
    this.store = new MemoryStateStore(server, interrupt);
    this.writer = new MemoryWriter(server, { ...options, interrupt, traits });
  }

  crash(): never {
    this.#dead = true;
    throw new Crash('the process has crashed');
  }

  claim(epoch: number, lanes = 2, expect: 'any' | 'existing' = 'any'): Promise<ClaimedLedger> {
    const { stream = 's', clock = { now: () => 0, monotonic: () => 0 } } = this.options;
    const { store, writer } = this;
    return ClaimedLedger.claim({ store, writer, stream, epoch, lanes, expect, clock }, never);
  }
}

/** Ends the process at its `n`th moment: counted before and after each of its calls. */
export function crashAt(n: number, crash: () => MemoryProcess): Interrupt {
  let moment = 0;
  return () => {
    moment += 1;
    if (moment === n) crash().crash();
  };
}
