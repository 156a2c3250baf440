import type { MongoClient } from 'mongodb';
import type { MongodbDestinationConfig } from '../../../config/schema';
import type { ConnectorContext } from '../../../core/ports/connector';
import { fetchRows, readRows } from '../driver/rows';
import type { EncodedRow, Key } from '../../../core/model/change';
import type {
  Claim,
  Kept,
  Peek,
  ClaimRequest,
  Destination,
  DestinationTraits,
  RepairAsk,
} from '../../../core/ports/destination';
import type { Interval, RowBatch } from '../../../core/ports/source';
import type { Verification } from '../../../core/ports/verification';
import type { Finding } from '../../../core/model/finding';
import type { Letter, LetterFilter, LetterKey, LetterSummary } from '../../../core/model/dead-letter';
import { namespace as joined, splitNamespace, type Namespace } from '../../../core/model/namespace';
import { compileRenames, type Renames } from '../../../core/mapping/pattern';
import { MongodbClaim } from './claim';
import { forget, kept } from './ledger/forget';
import { inForce } from './indexes/in-force';
import { inspectDestination } from './inspect';
import { readingOf } from './reading';
import { guarded } from './translate-errors';
import { readPosition } from './ledger/records';
import { askRepairs, repairsLeft } from './ledger/repairs';
import { DEFAULT_LETTERS, Letters } from './ledger/dead-letters';
import { Store } from './ledger/store';
import type { Handed } from './schema/target-options';
import { takeOver } from './ledger/fencing';
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
  readonly #letters: Letters;
  readonly #claims = new Set<MongodbClaim>();

  constructor(
    private readonly client: MongoClient,
    private readonly config: MongodbDestinationConfig,
    private readonly context: ConnectorContext,
  ) {
    this.#store = new Store(client, config.options.ledger_database);
    this.#rename = compileRenames(config);
    const { ledger_database: ledgerDatabase } = config.options;
    this.#letters = new Letters(this.#store, context.deadLetters ?? joined(ledgerDatabase, DEFAULT_LETTERS));
  }

  get #handed(): Handed {
    return { storageEngine: this.config.options.storage_engine };
  }

  async inspect(signal: AbortSignal): Promise<readonly Finding[]> {
    const databases = { ledger: this.config.options.ledger_database, target: this.config.database };
    return guarded(() => inspectDestination(this.client, databases, signal));
  }

  target(namespace: Namespace): Namespace {
    return this.#rename(namespace);
  }

  async occupied(namespaces: readonly Namespace[], signal: AbortSignal): Promise<readonly Namespace[]> {
    return guarded(async () => {
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

  async examine(namespaces: readonly Namespace[], signal: AbortSignal): Promise<readonly Finding[]> {
    return guarded(() => inForce(this.client, new Map(namespaces.map((name) => [name, this.#rename(name)])), signal));
  }

  async claim(request: ClaimRequest, signal: AbortSignal): Promise<Claim> {
    return guarded(async () => {
      const holdings = await takeOver(this.#store, request, signal);
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
          letters: this.#letters,
          log: this.context.log,
        },
        holdings,
        signal,
      );
      this.#claims.add(claim);
      return claim;
    });
  }

  async peek(stream: string, signal: AbortSignal): Promise<Peek | null> {
    return guarded(async () => {
      const record = await this.#store.stream(stream, signal);
      if (record === null) return null;
      const copying = await this.#store.copying(stream, signal);
      return { epoch: record.epoch, lowWater: readPosition(record.lowWater), copying };
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
    return guarded(() => fetchRows(this.#reading(namespace), bytes, signal));
  }

  #reading(namespace: Namespace) {
    return readingOf(this.client, this.#rename(namespace));
  }

  askRepairs(stream: string, asks: readonly RepairAsk[], signal: AbortSignal): Promise<void> {
    return guarded(() => askRepairs(this.#store, stream, asks, signal));
  }

  repairsLeft(stream: string, signal: AbortSignal): Promise<number> {
    return guarded(() => repairsLeft(this.#store, stream, signal));
  }

  letters(filter: LetterFilter, limit: number, signal: AbortSignal): Promise<readonly LetterSummary[]> {
    return guarded(() => this.#letters.list(filter, limit, signal));
  }

  letter(stream: string, id: string, signal: AbortSignal): Promise<Letter | null> {
    return guarded(() => this.#letters.one(stream, id, signal));
  }

  async *letterKeys(filter: LetterFilter, signal: AbortSignal): AsyncGenerator<LetterKey> {
    const keys = this.#letters.keys(filter, signal);
    for (;;) {
      const next = await guarded(() => keys.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  dropLetters(filter: LetterFilter, signal: AbortSignal): Promise<number> {
    return guarded(() => this.#letters.drop(filter, signal));
  }

  kept(stream: string, signal: AbortSignal): Promise<Kept> {
    return guarded(() => kept(this.#store, this.#letters, stream, signal));
  }

  forget(stream: string, signal: AbortSignal): Promise<Kept> {
    return guarded(() => forget(this.#store, this.#letters, stream, signal));
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
