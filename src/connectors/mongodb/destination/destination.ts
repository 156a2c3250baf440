import type { MongoClient } from 'mongodb';
import type { MongodbDestinationConfig } from '../../../config/schema';
import type { ConnectorContext } from '../../../core/ports/connector';
import { fetchRows, readRows } from '../driver/rows';
import type { EncodedRow, Key } from '../../../core/model/change';
import type {
  Claim,
  Kept,
  LedgerSummary,
  ClaimRequest,
  OwnedTarget,
  Destination,
  DestinationTraits,
  RepairAsk,
} from '../../../core/ports/destination';
import type { Interval, RowBatch } from '../../../core/ports/source';
import type { Verification } from '../../../core/ports/verification';
import type { Finding } from '../../../core/model/finding';
import type { DeadLetter, DeadLetterFilter, DeadLetterKey, DeadLetterSummary } from '../../../core/model/dead-letter';
import { namespace as joined, splitNamespace, type Namespace } from '../../../core/model/namespace';
import { compileRenames, type Renames } from '../../../core/mapping/pattern';
import { MongodbClaim } from './claim';
import { forget, kept } from './ledger/forget';
import { inForce } from './indexes/in-force';
import { inspectDestination } from './inspect';
import { readingOf } from './reading';
import { classified } from './translate-errors';
import { readPosition } from './ledger/records';
import { askRepairs, repairsLeft } from './ledger/repairs';
import { DEFAULT_DEAD_LETTERS, DeadLetters } from './ledger/dead-letters';
import { Store } from './ledger/store';
import type { Handed } from './schema/target-options';
import { fenceWriters } from './ledger/fencing';
import { ownedByOthers } from './ledger/owners';
import { present } from './schema/targets';
import { MongodbVerification } from './ledger/verification';

export const traits: DestinationTraits = {
  kind: 'mongodb',
  accepts: ['bson'],
  transactions: true,
  deltas: true,
  maxChanges: 1_000,
  maxBytes: 8 * 1024 * 1024,
};

export class MongodbDestination implements Destination {
  readonly traits = traits;
  readonly #store: Store;
  readonly #rename: Renames;
  readonly #deadLetters: DeadLetters;
  readonly #claims = new Set<MongodbClaim>();

  constructor(
    private readonly client: MongoClient,
    private readonly config: MongodbDestinationConfig,
    private readonly context: ConnectorContext,
  ) {
    this.#store = new Store(client, config.options.ledger_database);
    this.#rename = compileRenames(config);
    const { ledger_database: ledgerDatabase } = config.options;
    this.#deadLetters = new DeadLetters(
      this.#store,
      context.deadLetters ?? joined(ledgerDatabase, DEFAULT_DEAD_LETTERS),
    );
  }

  get #handed(): Handed {
    return { storageEngine: this.config.options.storage_engine };
  }

  async inspect(signal: AbortSignal): Promise<readonly Finding[]> {
    const databases = { ledger: this.config.options.ledger_database, target: this.config.database };
    return classified(() => inspectDestination(this.client, databases, signal));
  }

  target(namespace: Namespace): Namespace {
    return this.#rename(namespace);
  }

  async occupied(namespaces: readonly Namespace[], signal: AbortSignal): Promise<readonly Namespace[]> {
    return classified(async () => {
      const there = await present(this.client, namespaces.map(this.#rename), signal);
      const occupied: Namespace[] = [];
      for (const name of namespaces) {
        const target = this.#rename(name);
        if (!there.has(target)) continue;
        const { database, collection } = splitNamespace(target);
        const row = await this.client
          .db(database)
          .collection(collection)
          .findOne({}, { projection: { _id: 1 }, raw: true, signal });
        if (row !== null) occupied.push(name);
      }
      return occupied;
    });
  }

  async inspectTargets(namespaces: readonly Namespace[], signal: AbortSignal): Promise<readonly Finding[]> {
    return classified(() =>
      inForce(this.client, new Map(namespaces.map((name) => [name, this.#rename(name)])), signal),
    );
  }

  async ownedByOthers(namespaces: readonly Namespace[], signal: AbortSignal): Promise<readonly OwnedTarget[]> {
    const owner = { stream: this.context.stream, shared: this.config.options.shared_targets };
    const wanted = namespaces.map((source) => ({ source, target: this.#rename(source) }));
    return classified(() => ownedByOthers(this.#store, owner, wanted, signal));
  }

  async claim(request: ClaimRequest, signal: AbortSignal): Promise<Claim> {
    return classified(async () => {
      const fencedRecords = await fenceWriters(this.#store, request, signal);
      const { ledger_database: ledgerDatabase, create_options: createOptions, indexes } = this.config.options;
      const claim = await MongodbClaim.open(
        {
          client: this.client,
          store: this.#store,
          stream: request.stream,
          epoch: request.epoch,
          rename: this.#rename,
          ledgerDatabase,
          createOptions,
          handed: this.#handed,
          buildIndexes: indexes,
          uniqueInForce: this.config.options.unique_indexes === 'in_force',
          sharedTargets: this.config.options.shared_targets,
          deadLetters: this.#deadLetters,
          log: this.context.log,
        },
        fencedRecords,
        signal,
      );
      this.#claims.add(claim);
      return claim;
    });
  }

  async readLedger(stream: string, signal: AbortSignal): Promise<LedgerSummary | null> {
    return classified(async () => {
      const record = await this.#store.stream(stream, signal);
      if (record === null) return null;
      const copying = await this.#store.copying(stream, signal);
      const { epoch, lowWater, sequence } = record;
      return { epoch, lowWater: readPosition(lowWater), sequence, copying };
    });
  }

  rows(
    namespace: Namespace,
    interval: Interval,
    { batchSize }: { readonly batchSize: number },
    signal: AbortSignal,
  ): AsyncIterable<RowBatch> {
    return readRows(this.#reading(namespace), interval, batchSize, signal);
  }

  fetch(namespace: Namespace, keys: readonly Key[], signal: AbortSignal): Promise<ReadonlyMap<string, EncodedRow>> {
    const bytes = keys.map((key) => key.bytes);
    return classified(() => fetchRows(this.#reading(namespace), bytes, signal));
  }

  #reading(namespace: Namespace) {
    return readingOf(this.client, this.#rename(namespace));
  }

  askRepairs(stream: string, asks: readonly RepairAsk[], signal: AbortSignal): Promise<void> {
    return classified(() => askRepairs(this.#store, stream, asks, signal));
  }

  repairsLeft(stream: string, signal: AbortSignal): Promise<number> {
    return classified(() => repairsLeft(this.#store, stream, signal));
  }

  deadLetters(filter: DeadLetterFilter, limit: number, signal: AbortSignal): Promise<readonly DeadLetterSummary[]> {
    return classified(() => this.#deadLetters.list(filter, limit, signal));
  }

  deadLetter(stream: string, id: string, signal: AbortSignal): Promise<DeadLetter | null> {
    return classified(() => this.#deadLetters.one(stream, id, signal));
  }

  async *deadLetterKeys(filter: DeadLetterFilter, signal: AbortSignal): AsyncGenerator<DeadLetterKey> {
    const keys = this.#deadLetters.keys(filter, signal);
    for (;;) {
      const next = await classified(() => keys.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  dropDeadLetters(filter: DeadLetterFilter, signal: AbortSignal): Promise<number> {
    return classified(() => this.#deadLetters.drop(filter, signal));
  }

  kept(stream: string, signal: AbortSignal): Promise<Kept> {
    return classified(() => kept(this.#store, this.#deadLetters, stream, signal));
  }

  forget(stream: string, signal: AbortSignal): Promise<Kept> {
    return classified(() => forget(this.#store, this.#deadLetters, stream, signal));
  }

  verification(stream: string, run: string): Verification {
    const { ledger_database, create_options, indexes, unique_indexes } = this.config.options;
    const options = {
      client: this.client,
      store: this.#store,
      ledgerDatabase: ledger_database,
      rename: this.#rename,
      createOptions: create_options,
      handed: this.#handed,
      buildIndexes: indexes,
      uniqueIndexes: unique_indexes,
    };
    return new MongodbVerification(options, stream, run);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const claim of this.#claims) claim.close();
    this.#claims.clear();
    await this.client.close(true);
  }
}
