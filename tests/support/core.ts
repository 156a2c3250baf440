import * as os from 'node:os';
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { MongoClient, type Db } from 'mongodb';
import { streamSchema, type StreamConfig } from '../../src/config/schema';
import { Secret } from '../../src/config/secret';
import { systemClock } from '../../src/host/clock';
import type { Log } from '../../src/core/ports/connector';
import { createCopy } from '../../src/core/copy/copy';
import type { Claim, Destination, BackfillMode } from '../../src/core/ports/destination';
import { Limiter } from '../../src/core/write/limiter';
import type { Namespace } from '../../src/core/model/namespace';
import type { Position } from '../../src/core/model/position';
import type { PumpOutcome } from '../../src/core/pump/leg';
import { createPump } from '../../src/core/pump/pump';
import type { ErrorPolicy } from '../../src/core/failures/rejected-changes';
import type { Range, Source } from '../../src/core/ports/source';
import { openDestination, openSource } from '../../src/connectors/registry';
import { silentMeter } from './changes';
import { forgetRecords } from './records';
import { differences } from './same';
import { sharedMongo, uniqueName } from './servers';

/** Without it the driver has no name to tell in here, which some servers insist on. */
const client = { runtimeAdapters: { os } };
const unlimited = new Limiter(() => ({ eventsPerSecond: 0, bytesPerSecond: 0 }), silentMeter, systemClock);
const forever = new AbortController().signal;
setMaxListeners(0, forever);

export interface CoreOptions {
  readonly sourceUri?: string;
  readonly destinationUri?: string;
  readonly collections?: readonly string[];
  readonly exclude?: readonly string[];
  readonly lanes?: number;
  readonly batchSize?: number;
  readonly updates?: 'delta' | 'row';
  readonly renameOut?: 'drop' | 'keep' | 'needs_attention';
  readonly unsupported?: 'ignore' | 'needs_attention';
  readonly uniqueIndexes?: 'hold' | 'in_force';
  readonly errors?: Partial<ErrorPolicy>;
  readonly limiter?: Limiter;
  /** A leg ends when nothing has moved for so long. */
  readonly stallMs?: number;
  /** Renames of namespaces, given the name of the stream's database. */
  readonly renames?: (database: string) => Record<string, string>;
}

/** A stream without Temporal: source, destination and legs in this process, for tests of the core against real servers. */
export class CoreStream implements AsyncDisposable {
  /** Of the stream; its connections carry it, so that a fail point meets no other one. */
  readonly id: string;
  readonly #config: StreamConfig;
  readonly #options: CoreOptions;
  readonly #clients: { readonly source: MongoClient; readonly destination: MongoClient };
  readonly source: Source;
  readonly destination: Destination;
  readonly sourceDb: Db;
  readonly destinationDb: Db;
  epoch = 0;
  position: Position | null = null;
  overlapEnd: Position | null = null;
  skipped = 0;
  /** What legs and copies have found out about steps; handed on as a workflow does. */
  stepChanges: number | null = null;
  stepRows: number | null = null;
  unsupported: 'ignore' | 'needs_attention';
  /** What follows a change that is refused; may change between legs. */
  errors: Partial<ErrorPolicy>;
  /** Names of what was logged. */
  readonly events: string[];
  /** The namespace that each of them is about. */
  readonly about: unknown[];

  private constructor(
    options: CoreOptions,
    config: StreamConfig,
    clients: { source: MongoClient; destination: MongoClient },
    source: Source,
    destination: Destination,
    database: string,
    { events, about }: Pick<CoreStream, 'events' | 'about'>,
    id: string,
  ) {
    this.id = id;
    this.events = events;
    this.about = about;
    this.errors = options.errors ?? {};
    this.unsupported = options.unsupported ?? 'ignore';
    this.#options = options;
    this.#config = config;
    this.#clients = clients;
    this.source = source;
    this.destination = destination;
    this.sourceDb = clients.source.db(database);
    this.destinationDb = clients.destination.db(database);
  }

  static async open(options: CoreOptions = {}): Promise<CoreStream> {
    const database = uniqueName('core');
    const uris = {
      source: options.sourceUri ?? sharedMongo('source'),
      destination: options.destinationUri ?? sharedMongo('destination'),
    };
    const config = streamSchema.parse({
      id: 'core',
      source: {
        type: 'mongodb',
        connection_string: uris.source,
        database,
        collections: options.collections,
        exclude: options.exclude ?? [],
        options: { max_await: '100ms', updates: options.updates ?? 'delta' },
      },
      destination: {
        type: 'mongodb',
        connection_string: uris.destination,
        namespaces: options.renames?.(database) ?? {},
        options: { unique_indexes: options.uniqueIndexes ?? 'hold' },
      },
    });
    const events: string[] = [];
    const about: unknown[] = [];
    const id = `core-${randomUUID().slice(0, 8)}`;
    const log: Log = (_level, event, fields) => {
      events.push(event);
      about.push(fields?.['namespace']);
    };
    const context = { stream: id, log };
    const source = await openSource(config.source, { connectionString: new Secret(uris.source) }, context);
    const destination = await openDestination(
      config.destination,
      { connectionString: new Secret(uris.destination) },
      context,
    );
    const clients = {
      source: new MongoClient(uris.source, client),
      destination: new MongoClient(uris.destination, client),
    };
    return new CoreStream(options, config, clients, source, destination, database, { events, about }, id);
  }

  get destinationClient(): MongoClient {
    return this.#clients.destination;
  }

  claim(expect: 'any' | 'existing' = 'any') {
    this.epoch += 1;
    const { lanes = 4 } = this.#options;
    return this.destination.claim({ stream: this.id, epoch: this.epoch, lanes, expect }, forever);
  }

  #log(event: string): void {
    this.events.push(event);
    this.about.push(undefined);
  }

  /** Start position first, then the copy of everything that matches (or of `only`). */
  async copy(only?: readonly Namespace[], signal: AbortSignal = forever): ReturnType<CoreStream['resumeCopy']> {
    const planning = await this.claim();
    const since = planning.ledger.lowWater ?? (await this.source.currentPosition(forever));
    if (planning.ledger.lowWater === null) await planning.advance(since, forever);
    const namespaces = (await this.source.namespaces(forever)).filter(
      ({ name, follows }) => follows === 'stream' && (only?.includes(name) ?? true),
    );
    if (only) for (const name of only) await planning.discard(name, forever);
    await planning.prepare(namespaces, forever);
    const ranges = new Map<Namespace, readonly Range[]>();
    // What is gone by now is copied as nothing, so that it is not asked for again.
    for (const name of only ?? []) ranges.set(name, [{ from: null, to: null, estimatedRows: 0 }]);
    for (const each of namespaces) {
      const cut = await this.source.ranges(each, { count: () => 3, since }, forever);
      ranges.set(each.name, cut.ranges);
    }
    await planning.plan(ranges, forever);
    if (!only) await this.planOnce(planning);
    return this.resumeCopy(signal);
  }

  /** What no change tells of is copied by backfills. */
  async planOnce(claim: Claim): Promise<void> {
    const once = (await this.source.namespaces(forever)).filter(({ follows }) => follows === 'copy_only');
    await claim.prepare(once, forever);
    const sizes = new Map(once.map(({ name }) => [name, { estimatedRows: 0 }]));
    if (once.length > 0) await claim.planBackfill(sizes, 'once', forever);
  }

  async resumeCopy(signal: AbortSignal = forever): Promise<'done' | 'slice' | 'stopped'> {
    const claim = await this.claim('existing');
    const since = claim.ledger.lowWater;
    if (!since) throw new Error('no start position');
    const copy = createCopy({
      stream: this.id,
      source: this.source,
      destination: this.destination,
      traits: this.destination.traits,
      claim,
      since,
      parallelism: 3,
      batchSize: 200,
      limiter: this.#options.limiter ?? unlimited,
      onError: this.errors.onError ?? 'fail_stream',
      sliceMs: 60_000,
      stallMs: this.#options.stallMs ?? 60_000,
      stepRows: this.stepRows,
      clock: systemClock,
      log: (_level, event) => this.#log(event),
      meter: silentMeter,
    });
    const outcome = await copy.run(signal).finally(() => (this.stepRows = copy.progress.stepRows ?? null));
    if (outcome.overlapEnd) this.overlapEnd = outcome.overlapEnd;
    return outcome.reason;
  }

  async leg(
    options: {
      until?: Position;
      signal?: AbortSignal;
      lanes?: number;
      sliceMs?: number;
      copyMode?: BackfillMode;
      resume?: readonly Namespace[];
    } = {},
  ): Promise<PumpOutcome> {
    const claim = await this.claim('existing');
    const pump = createPump({
      source: this.source,
      traits: this.destination.traits,
      claim,
      position: this.position,
      overlapEnd: this.overlapEnd,
      until: options.until ?? null,
      lanes: options.lanes ?? this.#options.lanes ?? 4,
      batchSize: this.#options.batchSize ?? 1000,
      limiter: this.#options.limiter ?? unlimited,
      updates: this.#config.source.options.updates,
      renameOut: this.#options.renameOut ?? 'needs_attention',
      unsupported: this.unsupported,
      errors: { onError: 'fail_stream', maxRetries: 0, retryDelayMs: 10, ...this.errors },
      destination: this.destination,
      copyMode: options.copyMode ?? 'repair',
      resume: options.resume ?? [],
      sliceMs: options.sliceMs ?? 60_000,
      stallMs: this.#options.stallMs ?? 60_000,
      stepChanges: this.stepChanges,
      clock: systemClock,
      log: (_level, event) => this.#log(event),
      meter: silentMeter,
    });
    try {
      const outcome = await pump.run(options.signal ?? forever);
      this.position = outcome.position;
      return outcome;
    } finally {
      this.skipped += pump.progress.totals.skipped;
      this.stepChanges = pump.progress.stepChanges ?? null;
    }
  }

  /** A leg beside `body`; ends with it. */
  async running(body: () => Promise<unknown>): Promise<void> {
    const stop = new AbortController();
    const leg = this.leg({ signal: stop.signal });
    try {
      await Promise.race([body(), leg.then(() => Promise.reject(new Error('the leg ended by itself')))]);
    } finally {
      stop.abort();
      await leg;
    }
  }

  /** Legs until the source's position as of now is passed, and no copy is owed; a slow machine may need several. */
  async catchUp(): Promise<void> {
    const until = await this.source.currentPosition(forever);
    for (;;) {
      const { reason } = await this.leg({ until });
      if (reason === 'reached') return;
      if (reason !== 'slice') throw new Error(`the leg ended with ${reason}`);
    }
  }

  async expectSame(): Promise<void> {
    expect(await differences(this.sourceDb, this.destinationDb)).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]();
    await this.destination[Symbol.asyncDispose]();
    await forgetRecords(this.#clients.destination, this.id).catch(() => undefined);
    await this.sourceDb.dropDatabase().catch(() => undefined);
    await this.destinationDb.dropDatabase().catch(() => undefined);
    await this.#clients.source.close();
    await this.#clients.destination.close();
  }
}
