import type { SchemaChange } from '../model/change';
import type { Claim } from '../ports/destination';
import { splitNamespace, type Namespace, type SourceNamespace } from '../model/namespace';
import type { Source } from '../ports/source';

const AT_ONCE = 100;

/** Which namespaces are known to exist at the destination; lanes never create one by accident. */
export class Namespaces {
  readonly #source: Pick<Source, 'namespace'>;
  readonly #claim: Pick<Claim, 'prepare' | 'wholeOrder'>;
  readonly #known = new Map<Namespace, number | null>();
  readonly #identities = new Map<Namespace, string>();
  /** Copied once: some sources tell of changes all the same. */
  readonly #unfollowed = new Set<Namespace>();

  constructor(source: Pick<Source, 'namespace'>, claim: Pick<Claim, 'prepare' | 'wholeOrder'>) {
    this.#source = source;
    this.#claim = claim;
  }

  has(name: Namespace): boolean {
    return this.#known.has(name);
  }

  /** A lane number seed where the order of the whole namespace counts, else null. */
  wholeOrder(name: Namespace): number | null {
    return this.#known.get(name) ?? null;
  }

  /** Whether changes of it are written; known once it was met. */
  follows(name: Namespace): boolean {
    return !this.#unfollowed.has(name);
  }

  /** As the source told it last; empty where it did not. */
  identity(name: Namespace): string {
    return this.#identities.get(name) ?? '';
  }

  /** In steps, because thousands that have to be made take a while. */
  async prepareAll(all: readonly SourceNamespace[], progressed: () => void, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < all.length; at += AT_ONCE) {
      await this.#prepare(all.slice(at, at + AT_ONCE), signal);
      progressed();
    }
  }

  /** A namespace that appears in the log without having been seen: made as the source has it now, plain if it is gone. */
  async add(name: Namespace, signal: AbortSignal): Promise<void> {
    await this.#prepare([(await this.#source.namespace(name, signal)) ?? gone(name)], signal);
  }

  /** Follows a schema change that the destination has applied. */
  async altered(change: SchemaChange, signal: AbortSignal): Promise<void> {
    switch (change.op) {
      case 'create':
      case 'renamed_in':
        await this.add(change.to ?? change.namespace, signal);
        return;
      case 'rename':
        this.#known.delete(change.namespace);
        if (change.to !== undefined) await this.add(change.to, signal);
        return;
      case 'drop':
      case 'renamed_out':
        this.#known.delete(change.namespace);
        return;
      case 'drop_database': {
        const { database } = splitNamespace(change.namespace);
        for (const name of this.#known.keys()) if (splitNamespace(name).database === database) this.#known.delete(name);
        return;
      }
      case 'create_indexes':
      case 'drop_indexes':
      case 'modify':
      case 'derive':
      case 'other':
        return;
    }
  }

  async #prepare(namespaces: readonly SourceNamespace[], signal: AbortSignal): Promise<void> {
    const followed = namespaces.filter(({ follows }) => follows === 'stream');
    for (const { name, follows } of namespaces) {
      if (follows !== 'copy_only') this.#unfollowed.delete(name);
      else {
        // Its target is made by its copy.
        this.#known.set(name, null);
        this.#unfollowed.add(name);
      }
    }
    await this.#claim.prepare(followed, signal);
    for (const { name, identity, options, wholeOrder } of followed) {
      this.#identities.set(name, identity);
      // The source does not know the options of what is gone by now; the destination has them on record.
      const whole = options.length > 0 ? wholeOrder : this.#claim.wholeOrder(name);
      this.#known.set(name, whole ? seed(name) : null);
    }
  }
}

/** Spreads namespaces over lanes; stable, so that a namespace keeps its lane. */
function seed(name: Namespace): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

const UNKNOWN = Buffer.alloc(0);

const gone = (name: Namespace): SourceNamespace => ({
  name,
  identity: '',
  follows: 'stream',
  options: UNKNOWN,
  indexes: [],
  wholeOrder: false,
  losesRows: false,
});
