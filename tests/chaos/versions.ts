import { setTimeout as delay } from 'node:timers/promises';
import { BSON, MongoClient, type ChangeStream, type Document, type Long, type ResumeToken } from 'mongodb';
import { waitFor } from '../../src/servers/wait';

/** What the witness knows of one row: the newest version, and whether the row is there. */
interface Known {
  v: number;
  alive: boolean;
  transaction: string;
}

interface Event {
  readonly operationType: string;
  readonly ns?: { readonly db: string; readonly coll: string };
  readonly to?: { readonly db: string; readonly coll: string };
  readonly documentKey?: Document;
  readonly fullDocument?: { readonly v?: unknown };
  readonly updateDescription?: { readonly updatedFields?: { readonly v?: unknown } };
  readonly lsid?: { readonly id: unknown };
  readonly txnNumber?: number | bigint | Long;
}

export interface Regression {
  readonly collection: string;
  readonly what: string;
  /** Not older, but it was deleted before. */
  readonly reappeared: boolean;
}

/** Only what is judged: a row of 16 MB would not fit beside the rest of its event. */
const PIPELINE = [
  {
    $project: {
      operationType: 1,
      ns: 1,
      to: 1,
      documentKey: 1,
      lsid: 1,
      txnNumber: 1,
      'fullDocument.v': 1,
      'updateDescription.updatedFields.v': 1,
    },
  },
];

/**
 * Sees every write at the destination, in order, from when it was opened, across restarts of that server. Rows carry a
 * version that only grows at the source: from `arm` on, one that goes back is a regression, also after a delete.
 */
export class Versions implements AsyncDisposable {
  readonly #client: MongoClient;
  readonly #database: string;
  readonly #marks: string;
  readonly #rows = new Map<string, Map<string, Known>>();
  readonly #seen = new Set<string>();
  readonly regressions: Regression[] = [];
  /** Writes of a version that the row has already. */
  redelivered = 0;
  writes = 0;
  /** Since when writes are judged, ms since the epoch. */
  armedAt: number | null = null;
  #closed = false;
  #stream: ChangeStream | null = null;
  #token: ResumeToken = null;
  #reading: Promise<void> | null = null;

  private constructor(uri: string, database: string) {
    this.#client = new MongoClient(uri, { serverSelectionTimeoutMS: 2000 });
    this.#database = database;
    this.#marks = `marks_${database}`;
  }

  static async open(uri: string, database: string): Promise<Versions> {
    const versions = new Versions(uri, database);
    await versions.#open();
    versions.#reading = versions.#read();
    return versions;
  }

  /** What is written from here on is judged. */
  async arm(): Promise<void> {
    await this.reached('armed');
  }

  /** Everything that was written until now has been looked at. */
  async reached(name: string): Promise<void> {
    await waitFor(
      async () => {
        // Again after a while: the server may have been killed, and the mark with it.
        await this.#client
          .db(this.#marks)
          .collection('marks')
          .insertOne({ _id: `${name}/${performance.now()}` as never });
        return waitFor(() => Promise.resolve(this.#seen.has(name) ? true : undefined), { what: name, timeoutMs: 5000 });
      },
      { what: `the mark ${name} at the witness`, timeoutMs: 60_000 },
    );
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  async #open(): Promise<void> {
    this.#stream = this.#client.watch([{ $match: { 'ns.db': { $in: [this.#database, this.#marks] } } }, ...PIPELINE], {
      maxAwaitTimeMS: 200,
      ...(this.#token !== null && { resumeAfter: this.#token }),
    });
    if (this.#token !== null) return;
    await this.#stream.tryNext();
    this.#token = this.#stream.resumeToken;
  }

  async #read(): Promise<void> {
    while (!this.#closed) {
      try {
        const event = (await this.#stream?.tryNext()) as Event | null;
        this.#token = this.#stream?.resumeToken ?? this.#token;
        if (event !== null) this.#look(event);
      } catch {
        await this.#stream?.close().catch(() => undefined);
        if (this.#isClosed()) return;
        await delay(100);
        await this.#open().catch(() => undefined);
      }
    }
  }

  #look(event: Event): void {
    const { ns } = event;
    if (ns === undefined) return;
    if (ns.db === this.#marks) {
      const [name = ''] = String(event.documentKey?.['_id']).split('/');
      this.#seen.add(name);
      if (name === 'armed') this.armedAt ??= Date.now();
      return;
    }
    switch (event.operationType) {
      case 'insert':
      case 'replace':
        this.#write(event, ns.coll, event.fullDocument?.v);
        return;
      case 'update':
        this.#write(event, ns.coll, event.updateDescription?.updatedFields?.v);
        return;
      case 'delete':
        this.#gone(this.#known(ns.coll).get(keyOf(event)), event);
        return;
      case 'drop':
        for (const known of this.#known(ns.coll).values()) this.#gone(known, event);
        return;
      case 'rename': {
        const progressed = this.#known(ns.coll);
        this.#rows.delete(ns.coll);
        if (event.to !== undefined) this.#rows.set(event.to.coll, progressed);
        return;
      }
      default:
        return;
    }
  }

  #known(collection: string): Map<string, Known> {
    let rows = this.#rows.get(collection);
    if (rows === undefined) this.#rows.set(collection, (rows = new Map<string, Known>()));
    return rows;
  }

  #gone(known: Known | undefined, event: Event): void {
    if (known === undefined) return;
    known.alive = false;
    known.transaction = transactionOf(event);
  }

  #write(event: Event, collection: string, version: unknown): void {
    if (version === undefined) return;
    this.writes += 1;
    const v = Number(version);
    const rows = this.#known(collection);
    const key = keyOf(event);
    const transaction = transactionOf(event);
    const before = rows.get(key);
    rows.set(key, { v: Math.max(v, before?.v ?? v), alive: true, transaction });
    if (before === undefined || v > before.v || this.armedAt === null) return;
    // A row that is replaced by a delete and an insert in one step was never away.
    const there = before.alive || (transaction !== '' && before.transaction === transaction);
    if (v === before.v && there) this.redelivered += 1;
    else
      this.regressions.push({
        collection,
        reappeared: v === before.v,
        what: `${event.operationType} of ${collection} ${key}: version ${before.v}${there ? '' : ' (deleted)'}, then ${v}`,
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#stream?.close().catch(() => undefined);
    await this.#reading;
    await this.#client
      .db(this.#marks)
      .dropDatabase()
      .catch(() => undefined);
    await this.#client.close();
  }
}

/** Equal for what the server holds for one key: numbers are read as numbers, whatever their type. */
const keyOf = (event: Event): string => BSON.EJSON.stringify(event.documentKey);

const transactionOf = ({ lsid, txnNumber }: Event): string =>
  txnNumber === undefined ? '' : `${BSON.EJSON.stringify({ id: lsid?.id })} ${txnNumber.toString()}`;
