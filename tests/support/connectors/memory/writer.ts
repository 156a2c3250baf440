import type { Change } from '../../../../src/core/model/change';
import { deltaMissed, ReplicationError } from '../../../../src/core/model/errors';
import type { Namespace } from '../../../../src/core/model/namespace';
import type { StateRecord } from '../../../../src/core/ports/state-store';
import type {
  Load,
  Outcome,
  Part,
  Step,
  UnitOfWork,
  WriteLimits,
  Writer,
  WriterTraits,
} from '../../../../src/core/ports/writer';
import type { Interrupt, MemoryServer } from './server';
import { LostAnswer } from './state-store';

export interface MemoryWriterOptions {
  readonly traits?: Partial<WriterTraits>;
  readonly limits?: Partial<WriteLimits>;
  readonly interrupt?: Interrupt;
  /** Changes that the destination refuses. */
  readonly refuses?: (change: Change) => boolean;
  /** Where `idempotence` is `version`: a change below the version of its row changes nothing, deleted rows included. */
  readonly versionOf?: (change: Change) => number;
  /** Key of a row of a load, as changes name it. */
  readonly idOf?: (row: Buffer) => string;
}

const TRAITS: WriterTraits = {
  atomic: 'step',
  idempotence: 'key',
  patches: 'native',
  ddl: 'step',
  unique: 'none',
  keeps: 'latest',
  keyless: false,
};

/** Writes rows into lists, together with records as far as `atomic` says. A patch appends to its row: written twice, it shows. */
export class MemoryWriter implements Writer {
  readonly traits: WriterTraits;
  readonly limits: WriteLimits;

  constructor(
    private readonly server: MemoryServer,
    private readonly options: MemoryWriterOptions = {},
  ) {
    this.traits = { ...TRAITS, ...options.traits };
    this.limits = { changes: 1_000, bytes: 8 * 1024 * 1024, records: 100, ...options.limits };
  }

  open(slot: StateRecord, epoch: number): Promise<UnitOfWork> {
    return Promise.resolve(new MemoryUnit(this.server, this.traits, this.options, slot.key, epoch));
  }

  clear(namespace: Namespace): Promise<void> {
    this.server.rows(namespace).clear();
    return Promise.resolve();
  }
}

class Refused extends Error {
  constructor(readonly outcome: Outcome) {
    super(outcome.type);
  }
}

class MemoryUnit implements UnitOfWork {
  constructor(
    private readonly server: MemoryServer,
    private readonly traits: WriterTraits,
    private readonly options: MemoryWriterOptions,
    private readonly slot: string,
    private readonly epoch: number,
  ) {}

  async commit(step: Step, signal: AbortSignal): Promise<Outcome> {
    if (this.traits.atomic === 'part' && step.rows.length > 1) throw new RangeError('one part in a step');
    for (;;) {
      signal.throwIfAborted();
      try {
        return await (this.traits.atomic === 'none' ? this.#oneByOne(step) : this.#atOnce(step));
      } catch (error) {
        if (error instanceof Refused) return error.outcome;
        // What became of the commit is not known: the same step again.
        if (!(error instanceof LostAnswer)) throw error;
      }
    }
  }

  async #atOnce(step: Step): Promise<Outcome> {
    await this.#interrupt('begin', 'before');
    const open = this.server.begin(this.slot, this.epoch);
    await this.#interrupt('commit', 'before');
    const records = [...step.fences, ...step.before, ...step.after];
    const written = this.server.commit(open, () => {
      if (!records.every((op) => this.server.holds(op))) return false;
      const writes = step.rows.flatMap((rows, at) => this.#writesOf(rows, at));
      for (const write of writes) write();
      for (const op of records) this.server.put(op);
      return true;
    });
    await this.#interrupt('commit', 'after');
    return { type: written ? 'written' : 'stale' };
  }

  /** Rows alone, one after the other: a step that is cut short leaves those before. */
  async #oneByOne(step: Step): Promise<Outcome> {
    for (const [at, rows] of step.rows.entries())
      for (const write of this.#writesOf(rows, at)) {
        await this.#interrupt('row', 'before');
        write();
        await this.#interrupt('row', 'after');
      }
    return { type: 'written' };
  }

  async #interrupt(call: string, moment: 'before' | 'after'): Promise<void> {
    await this.options.interrupt?.(call, moment, this.slot);
  }

  /** Refuses before anything is written; patches of a part see the changes before them. */
  #writesOf(rows: Part | Load, part: number): (() => void)[] {
    if (rows.type === 'load') return this.#loaded(rows);
    const states = new Map<string, Buffer | undefined>();
    return rows.changes.map((change, index) => {
      if (this.options.refuses?.(change)) throw new Refused({ type: 'rejected', part, index, error: refused(change) });
      const target = this.server.rows(change.namespace);
      const { id } = change.key;
      const name = `${change.namespace} ${id}`;
      const before = states.has(name) ? states.get(name) : target.get(id);
      if (change.op === 'update' && before === undefined)
        throw new Refused({ type: 'missed', part, index, error: deltaMissed(change.namespace) });
      const state = stateAfter(before, change);
      states.set(name, state);
      return () => {
        if (this.#isOld(change)) return;
        if (state === undefined) target.delete(id);
        else target.set(id, state);
      };
    });
  }

  #isOld(change: Change): boolean {
    const { versionOf } = this.options;
    if (this.traits.idempotence !== 'version' || versionOf === undefined) return false;
    const versions = this.server.versions(change.namespace);
    const version = versionOf(change);
    if (version < (versions.get(change.key.id) ?? -Infinity)) return true;
    versions.set(change.key.id, version);
    return false;
  }

  #loaded({ namespace, rows }: Load): (() => void)[] {
    const { idOf = (row: Buffer) => row.toString('utf8') } = this.options;
    return rows.rows.map((row) => () => {
      this.server.rows(namespace).set(idOf(row), row);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held.
  }
}

function stateAfter(before: Buffer | undefined, change: Change): Buffer | undefined {
  switch (change.op) {
    case 'insert':
    case 'replace':
      return change.row;
    case 'update':
      return Buffer.concat([before ?? Buffer.alloc(0), change.delta]);
    case 'delete':
      return undefined;
  }
}

const refused = ({ namespace, key }: Change): ReplicationError =>
  new ReplicationError('poison', {
    code: 'refused',
    message: 'the server refuses this write',
    namespace,
    keyHash: key.hash,
  });
