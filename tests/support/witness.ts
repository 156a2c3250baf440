import { BSON, type ChangeStream, type Db, type Document } from 'mongodb';
import { uniqueName } from './servers';

export interface Seen {
  readonly op: 'insert' | 'update' | 'replace' | 'delete';
  readonly collection: string;
  readonly id: unknown;
  /** The fields that the write gave; the whole row for an insert or a replace. */
  readonly fields: Document;
}

const OPS: readonly string[] = ['insert', 'update', 'replace', 'delete'];

/** Sees every write at a database, in order, from when it was opened. */
export class Witness implements AsyncDisposable {
  readonly #db: Db;
  readonly #stream: ChangeStream;
  readonly #writes: Seen[] = [];

  private constructor(db: Db, stream: ChangeStream) {
    this.#db = db;
    this.#stream = stream;
  }

  static async open(db: Db): Promise<Witness> {
    const stream = db.watch([], { maxAwaitTimeMS: 100 });
    await stream.tryNext();
    const witness = new Witness(db, stream);
    // The embedded server begins before writes that are acknowledged, where another client's was being committed.
    await witness.seen();
    witness.#writes.length = 0;
    return witness;
  }

  /** Everything that was written until now. */
  async seen(): Promise<readonly Seen[]> {
    // A write of its own, behind all others, says when all of them have been read.
    const marker = uniqueName('witness');
    await this.#db.collection(marker).insertOne({});
    for (;;) {
      const event: Document | null = await this.#stream.tryNext();
      if (event === null || !OPS.includes(String(event['operationType']))) continue;
      const { coll } = event['ns'] as { coll: string };
      if (coll === marker) break;
      if (coll.startsWith('witness_')) continue;
      const { updatedFields } = (event['updateDescription'] ?? {}) as { updatedFields?: Document };
      this.#writes.push({
        op: event['operationType'] as Seen['op'],
        collection: coll,
        id: (event['documentKey'] as { _id: unknown })._id,
        fields: updatedFields ?? (event['fullDocument'] as Document | undefined) ?? {},
      });
    }
    await this.#db.collection(marker).drop();
    return this.#writes;
  }

  /** Writes of one row in which `field` did not grow: something was written twice, or came late. */
  async regressions(field: string): Promise<string[]> {
    const last = new Map<string, number>();
    return (await this.seen()).flatMap(({ op, collection, id, fields }, place) => {
      const key = `${collection} ${BSON.EJSON.stringify({ id })}`;
      const value = fields[field] as number | undefined;
      if (value === undefined) return [];
      const before = last.get(key);
      last.set(key, value);
      return before === undefined || value > before ? [] : [`${op} ${key} at ${place}: ${before} then ${value}`];
    });
  }

  /** Writes of a row in which `field` went back. Writing the same once more is none. */
  async setbacks(field: string): Promise<string[]> {
    const furthest = new Map<string, number>();
    return (await this.seen()).flatMap(({ op, collection, id, fields }, place) => {
      const key = `${collection} ${BSON.EJSON.stringify({ id })}`;
      const value = fields[field] as number | undefined;
      const before = furthest.get(key);
      if (value === undefined || before === undefined || value > before) {
        if (value !== undefined) furthest.set(key, value);
        return [];
      }
      return value === before ? [] : [`${op} ${key} at ${place}: ${before} then ${value}`];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream.close();
  }
}
