import type { ClientSession, Collection, Db, MongoClient } from 'mongodb';
import type { Random } from './random';

/** A collection in which each value of `u` belongs to one row at a time, and moves. */
export const HOLDERS = 'holders';
const UNIQUE = 'by u';

const IDS = Array.from({ length: 12 }, (_, i) => `h${i}`);
const FEWEST = 6;

interface Holder {
  readonly _id: string;
  readonly u: unknown;
}

type Put = (rows: Collection, key: string, u: unknown, v: number, session?: ClientSession) => Promise<unknown>;

const set: Put = (rows, key, u, v, session) =>
  rows.updateOne({ _id: key as never }, { $set: { u, v } }, { ...(session && { session }) });

const replace: Put = (rows, key, u, v, session) =>
  rows.replaceOne({ _id: key as never }, { v, u, list: [u] }, { ...(session && { session }) });

/** Moves values between rows, as the source allows it. Each statement raises the version of its row. */
export class Holders {
  readonly #rows: Collection;

  constructor(
    private readonly client: MongoClient,
    private readonly db: Db,
    private readonly next: () => number,
  ) {
    this.#rows = db.collection(HOLDERS);
  }

  /** Rows enough; under their index again, where they went with their database and may come back. */
  async fill({ remake }: { readonly remake: boolean }): Promise<void> {
    const there = await this.#all();
    if (there.length >= FEWEST || (there.length === 0 && !remake)) return;
    if (there.length === 0)
      await this.db.command({ createIndexes: HOLDERS, indexes: [{ key: { u: 1 }, name: UNIQUE, unique: true }] });
    for (const key of IDS.slice(0, FEWEST + 2))
      if (!there.some(({ _id }) => _id === key)) await this.#insert(key, this.#spare());
  }

  async move(random: Random): Promise<void> {
    const rows = random.shuffled(await this.#all());
    const chosen = rows.slice(0, random.between(2, 5));
    switch (random.pick(['round', 'round', 'round', 'hand_over', 'hand_over', 'swap'])) {
      case 'round':
        return this.#round(chosen, random.pick([set, set, replace]));
      case 'hand_over':
        return this.#handOver(rows, random.chance(0.5));
      default:
        return this.client.withSession(async (session) => {
          session.startTransaction();
          await this.#round(chosen.slice(0, 2), set, session);
          await session.commitTransaction();
        });
    }
  }

  /** Over a value that no row has: the first row gives its own up, and the others follow from the last to the second. */
  async #round(holders: readonly Holder[], put: Put, session?: ClientSession): Promise<void> {
    const [first, second] = holders;
    if (first === undefined || second === undefined) return;
    await put(this.#rows, first._id, this.#spare(), this.next(), session);
    for (let i = holders.length - 1; i > 0; i -= 1)
      await put(this.#rows, holders[i]!._id, holders[(i + 1) % holders.length]!.u, this.next(), session);
    await put(this.#rows, first._id, second.u, this.next(), session);
  }

  /** One row goes, and another comes with its value; or it comes back itself, with the value of a third. */
  async #handOver([leaving, third]: readonly Holder[], comesBack: boolean): Promise<void> {
    if (leaving === undefined || third === undefined) return;
    const absent = new Set(IDS);
    for (const { _id } of await this.#all()) absent.delete(_id);
    await this.#rows.deleteOne({ _id: leaving._id as never });
    const [free] = absent;
    if (free !== undefined && !comesBack) return this.#insert(free, leaving.u);
    await set(this.#rows, third._id, leaving.u, this.next());
    await this.#insert(leaving._id, third.u);
  }

  async #insert(key: string, u: unknown): Promise<void> {
    await this.#rows.insertOne({ _id: key as never, v: this.next(), u });
  }

  #spare(): string {
    return `spare ${this.next()}`;
  }

  async #all(): Promise<Holder[]> {
    return (await this.#rows.find({}, { projection: { u: 1 } }).toArray()) as unknown as Holder[];
  }
}
