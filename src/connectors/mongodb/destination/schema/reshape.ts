import { Binary, type Document, type MongoClient } from 'mongodb';
import { RawDocument } from '../../../../formats/bson/raw-document';
import { classify, isPassing } from '../../errors';
import { ID_INDEX } from '../../driver/listing';
import type { SchemaChange } from '../../../../core/model/change';
import type { Log } from '../../../../core/ports/connector';
import { hasRows, splitNamespace } from '../../../../core/model/namespace';
import { type Builds } from '../indexes/builds';
import { runDdl, sendable } from './ddl';
import type { Fence } from '../ledger/fence';
import { differences, isHidden, servesMeanwhile, specification, type Index } from '../indexes/index-specs';
import type { Namespaces } from './namespaces';
import type { NamespaceDocument } from '../ledger/records';
import { indexesOf } from '../indexes/target-indexes';
import { modifications, targetOptions, type Handed } from './target-options';
import { present } from './targets';

export interface ReshapeOptions {
  readonly withOptions: boolean;
  readonly handed: Handed;
  readonly withIndexes: boolean;
  /** Whether an index waits for `finalize`. */
  readonly isHeld: (index: Index) => boolean;
}

/**
 * Takes indexes and options of a target to what the source has now. Dropped indexes go at once, and new ones are put
 * down as owed: they are built while lanes write. Only what a change names is touched, as targets may have indexes of
 * their own; an index that the server refuses is logged and holds up no rows.
 */
export class Reshaping {
  constructor(
    private readonly client: MongoClient,
    private readonly fence: Fence,
    private readonly namespaces: Namespaces,
    private readonly builds: Builds,
    private readonly options: ReshapeOptions,
    private readonly log: Log,
  ) {}

  async run(change: SchemaChange, signal: AbortSignal): Promise<void> {
    const known = this.namespaces.get(change.namespace);
    // A name that stands for something else by now: the change that made it so is still to come.
    if (known?.identity == null || (change.shape != null && !hasRows(change.shape))) return;
    await this.fence.check(signal);
    const indexes = this.options.withIndexes ? await this.#indexes(known, change, signal) : {};
    const options = change.op === 'modify' ? await this.#options(known, change, signal) : {};
    await this.namespaces.save([{ ...known, ...indexes, ...options }], signal);
  }

  async #indexes(
    known: NamespaceDocument,
    change: SchemaChange,
    signal: AbortSignal,
  ): Promise<Pick<NamespaceDocument, 'held' | 'pending'>> {
    const wanted = wantedIndexes(change);
    // One of these names that is being built would come after its own end.
    if (change.op !== 'modify') for (const name of wanted.keys()) await this.builds.halt([known.source], signal, name);
    const { byName } = await indexesOf(this.client, known.target, signal);
    const untouched = (raw: Binary): boolean => !wanted.has(specification(raw.buffer).name);
    const held = known.held.filter(untouched);
    const pending = (known.pending ?? []).filter(({ index }) => untouched(index));
    for (const [name, raw] of wanted) {
      const now = byName.get(name);
      const index = raw === null ? null : specification(raw);
      if (raw === null || index === null) {
        if (now !== undefined) await this.#drop(known, name, signal);
      } else if (this.options.isHeld(index)) {
        held.push(new Binary(raw));
      } else if (now === undefined || differences(now, index).some((option) => option !== 'hidden')) {
        // A plain one that is to be unique goes on serving until it is.
        if (now !== undefined && !servesMeanwhile(now, index)) await this.#drop(known, name, signal);
        pending.push({ index: new Binary(raw), tries: 0 });
      } else if (isHidden(now) !== isHidden(index)) {
        await this.#modify(known, { index: { name, hidden: isHidden(index) } }, signal);
      }
    }
    return { held, pending };
  }

  async #options(
    known: NamespaceDocument,
    { shape }: SchemaChange,
    signal: AbortSignal,
  ): Promise<Pick<NamespaceDocument, 'options'>> {
    if (!this.options.withOptions || shape == null) return { options: known.options };
    const wanted = targetOptions(shape.options, this.options.handed);
    const now = (await present(this.client, [known.target], signal)).get(known.target);
    const changes = now === undefined ? RawDocument.EMPTY : modifications(wanted, now.options);
    if (!changes.isEmpty) await this.#modify(known, Object.fromEntries(sendable(changes, known.target)), signal);
    return { options: new Binary(wanted.bytes) };
  }

  async #modify(known: NamespaceDocument, changes: Document, signal: AbortSignal): Promise<void> {
    const { collection } = splitNamespace(known.target);
    await this.#attempt(known, { collMod: collection, ...changes }, signal);
  }

  async #drop(known: NamespaceDocument, index: string, signal: AbortSignal): Promise<void> {
    const { collection } = splitNamespace(known.target);
    await this.#attempt(known, { dropIndexes: collection, index }, signal);
  }

  async #attempt({ source, target }: NamespaceDocument, command: Document, signal: AbortSignal): Promise<void> {
    try {
      await runDdl(this.client, splitNamespace(target).database, command, signal);
    } catch (error) {
      const failure = classify(error, { role: 'destination', namespace: source });
      if (isPassing(failure)) throw failure;
      this.log('warn', 'schema_change_refused', {
        namespace: source,
        command: Object.keys(command)[0],
        code: failure.code,
      });
    }
  }
}

/** The indexes that a change is about, by name: as the source has them now, null where they are gone. */
function wantedIndexes({ op, description, shape }: SchemaChange): Map<string, Uint8Array | null> {
  const now = new Map((shape?.indexes ?? []).map((raw): [string, Uint8Array] => [specification(raw).name, raw]));
  // Which index a change of options is about, not every server says.
  if (op === 'modify') return now;
  const described = description === undefined ? RawDocument.EMPTY : RawDocument.from(description);
  const told = new Map(described.documents('indexes').map((index) => [index.text('name') ?? '', index.bytes]));
  told.delete(ID_INDEX);
  return new Map(
    [...told].map(([name, raw]) => {
      // Of what is gone by now only the event tells; what has taken its place comes with an event of its own.
      const gone = op === 'create_indexes' && shape == null ? raw : null;
      return [name, now.get(name) ?? gone];
    }),
  );
}

/** What of a schema change MongoDB, as a destination that is written in transactions, cannot express. */
export function inexpressible({ op, kind, namespace }: SchemaChange): string | null {
  if (op !== 'other') return null;
  return kind.endsWith('Collection') || kind === 'refineCollectionShardKey'
    ? 'how a collection is sharded is left to the destination'
    : `${namespace} is a time series, which is not followed: it is copied once when the stream is resumed, changed or restarted`;
}
