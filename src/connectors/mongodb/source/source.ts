import { ReadPreference, type MongoClient } from 'mongodb';
import type { Credentials } from '../../../auth/credentials';
import { durationMs } from '../../../config/values/duration';
import type { MongodbSourceConfig } from '../../../config/schema';
import { keyOfRow } from '../../../formats/bson/key';
import { openClient } from '../client';
import type { Change, EncodedRow, Key, SchemaChange } from '../../../core/model/change';
import type { ConnectorContext } from '../../../core/ports/connector';
import type { Finding } from '../../../core/model/finding';
import type { Derived, Namespace, SourceNamespace } from '../../../core/model/namespace';
import { compileSelection, type Selection } from '../../../core/mapping/pattern';
import type { Order, Position } from '../../../core/model/position';
import type {
  Cut,
  CutOptions,
  HistoryWindow,
  Range,
  RowBatch,
  Size,
  Source,
  SourceEvent,
  SourceTraits,
  StreamOptions,
} from '../../../core/ports/source';
import { ChangeStreams } from './stream/cursor';
import { Deployment } from './deployment';
import { filterHash } from './stream/filter';
import { GapGuard } from './stream/gap';
import { currentPosition } from './current-position';
import { inspect } from './inspect';
import { lookup } from './snapshot/lookup';
import { listNamespaces, listViews, shapeOf, sizeOf } from './namespaces';
import { describe, KIND, order, parseTime, tokenOf, type PositionScope } from './position';
import { cutRanges } from './snapshot/ranges';
import { fetchKeys, readingOf, readRows, type Members, type RowsOptions } from './snapshot/rows';
import { readSeries } from './snapshot/series';
import { follow } from './stream/stream';

const TRAITS: SourceTraits = { kind: KIND, encoding: 'bson', positions: 'change', deltas: true };

export async function openSource(
  config: MongodbSourceConfig,
  credentials: Credentials,
  context: ConnectorContext,
): Promise<Source> {
  const client = await openClient(credentials, context, { appName: `tributary/${context.stream}`, role: 'source' });
  try {
    const selection = compileSelection(config);
    const deployment = new Deployment(client);
    const scope = { history: await deployment.history(), filter: filterHash(selection) };
    return new MongodbSource(client, config, context, deployment, selection, scope);
  } catch (error) {
    await client.close();
    throw error;
  }
}

class MongodbSource implements Source {
  readonly traits = TRAITS;
  readonly #client: MongoClient;
  readonly #config: MongodbSourceConfig;
  readonly #context: ConnectorContext;
  readonly #deployment: Deployment;
  readonly #selection: Selection;
  readonly #scope: PositionScope;
  readonly #streams: ChangeStreams;
  /** For the snapshot and look-ups; the change stream is always read from the primary. */
  readonly #readPreference: ReadPreference;

  constructor(
    client: MongoClient,
    config: MongodbSourceConfig,
    context: ConnectorContext,
    deployment: Deployment,
    selection: Selection,
    scope: PositionScope,
  ) {
    this.#client = client;
    this.#config = config;
    this.#context = context;
    this.#deployment = deployment;
    this.#selection = selection;
    this.#scope = scope;
    this.#streams = new ChangeStreams(client, selection);
    this.#readPreference = ReadPreference.fromString(config.options.read_preference);
  }

  get #members(): Members {
    return { client: this.#client, readPreference: this.#readPreference };
  }

  inspect(signal: AbortSignal): Promise<readonly Finding[]> {
    return inspect(
      {
        client: this.#client,
        config: this.#config,
        selection: this.#selection,
        deployment: this.#deployment,
        streams: this.#streams,
        namespaces: (until) => this.namespaces(until),
      },
      signal,
    );
  }

  namespaces(signal: AbortSignal): Promise<readonly SourceNamespace[]> {
    return listNamespaces(this.#client, this.#selection, signal);
  }

  size(name: Namespace, signal: AbortSignal): Promise<Size> {
    return sizeOf(this.#client, name, signal);
  }

  shape(change: SchemaChange, signal: AbortSignal): Promise<SourceNamespace | null> {
    return shapeOf(this.#client, change, signal);
  }

  namespace(name: Namespace, signal: AbortSignal): Promise<SourceNamespace | null> {
    return shapeOf(this.#client, { namespace: name }, signal);
  }

  derived(database: string | null, signal: AbortSignal): Promise<Derived> {
    return listViews(this.#client, this.#selection, database, signal);
  }

  selects(name: Namespace): boolean {
    return this.#selection.matches(name);
  }

  currentPosition(signal: AbortSignal): Promise<Position> {
    return currentPosition(this.#streams, this.#deployment, this.#scope, signal);
  }

  order(a: Position, b: Position): Order {
    return order(a, b);
  }

  describe(position: Position): string {
    return describe(position);
  }

  timeOf(position: Position): number {
    return parseTime(tokenOf(position).time).t * 1000;
  }

  keyOf(row: EncodedRow): Key {
    return keyOfRow(row);
  }

  ranges(namespace: SourceNamespace, options: CutOptions, signal: AbortSignal): Promise<Cut> {
    return cutRanges(this.#members, namespace, options, signal);
  }

  rows(namespace: Namespace, range: Range, options: RowsOptions, signal: AbortSignal): AsyncIterable<RowBatch> {
    return readRows(this.#members, namespace, range, options, signal);
  }

  added(namespace: SourceNamespace, options: RowsOptions, signal: AbortSignal): AsyncIterable<RowBatch> {
    return readSeries(readingOf(this.#members, namespace.name, options.since), namespace, options, signal);
  }

  fetch(
    namespace: Namespace,
    keys: readonly Key[],
    since: Position,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, EncodedRow>> {
    return fetchKeys(this.#members, namespace, keys, since, signal);
  }

  stream(from: Position, options: StreamOptions, signal: AbortSignal): AsyncIterable<SourceEvent> {
    const context = {
      streams: this.#streams,
      scope: this.#scope,
      selection: this.#selection,
      guard: new GapGuard(this.#deployment, this.#streams, this.#context.stream),
      maxAwaitMs: durationMs(this.#config.options.max_await),
      log: this.#context.log,
    };
    return follow(context, from, options, signal);
  }

  lookup(changes: readonly Change[], maxBytes: number, signal: AbortSignal): Promise<readonly Change[]> {
    return lookup(this.#members, changes, maxBytes, signal);
  }

  check(position: Position, signal: AbortSignal): Promise<void> {
    return new GapGuard(this.#deployment, this.#streams).check(position, signal);
  }

  window(signal: AbortSignal): Promise<HistoryWindow> {
    return this.#deployment.window(signal);
  }

  /** The oplog is bounded by its own size: nothing is kept for a stream. */
  async release(): Promise<void> {
    // Nothing to give back.
  }

  async drop(): Promise<void> {
    // Nothing was created.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}
