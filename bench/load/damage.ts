import { Double, type Collection, type Db, type Document } from 'mongodb';

const COLLECTION = 'orders';

/** At the source, before anything is copied. */
export const INDEXES = [
  { key: { customer: 1 }, name: 'by-customer' },
  { key: { status: 1, total: 1 }, name: 'by-status' },
] as const;
const [DROPPED] = INDEXES;

/** What `Damage` does: what a verification has to find, no more and no less. */
export const DAMAGED_ROWS = 4;
export const DAMAGED_INDEXES = 1;

type Row = Document & { readonly _id: number };

/** Harm that is done to a copy of `rows` documents behind the back of its stream. */
export class Damage {
  readonly #source: Collection<Row>;
  readonly #target: Collection<Row>;
  readonly #ids: {
    readonly flipped: number;
    readonly retyped: number;
    readonly missing: number;
    readonly extra: number;
  };

  constructor(source: Db, target: Db, rows: number) {
    this.#source = source.collection(COLLECTION);
    this.#target = target.collection(COLLECTION);
    // `total` of an even key is a whole number, hence an Int32.
    const even = 2 * Math.floor(rows / 4);
    this.#ids = { flipped: Math.floor(rows / 3), retyped: even, missing: rows - 10, extra: rows + 10 };
  }

  async do(): Promise<void> {
    const { flipped, retyped, missing, extra } = this.#ids;
    const total = (await this.#target.findOne({ _id: retyped }))?.['total'] as number;
    const done = [
      // "q" is "p" with one bit flipped.
      (await this.#target.updateOne({ _id: flipped }, { $set: { status: 'qlaced' } })).modifiedCount,
      (await this.#target.updateOne({ _id: retyped }, { $set: { total: new Double(total) } })).modifiedCount,
      (await this.#target.deleteOne({ _id: missing })).deletedCount,
      (await this.#target.insertOne({ _id: extra })).acknowledged ? 1 : 0,
    ];
    if (done.some((count) => count !== 1)) throw new Error(`the target was not damaged: ${done.join(', ')}`);
    await this.#target.dropIndex(DROPPED.name);
  }

  /** A repair mends rows only. */
  async putIndexBack(): Promise<void> {
    await this.#target.createIndexes([DROPPED]);
  }

  /** How many of the damaged rows are not, byte for byte, what the source has. */
  async left(): Promise<number> {
    const ids = Object.values(this.#ids);
    const [there, here] = await Promise.all([this.#source, this.#target].map((rows) => encoded(rows, ids)));
    return ids.filter((id) => there?.get(id) !== here?.get(id)).length;
  }
}

async function encoded(rows: Collection<Row>, ids: readonly number[]): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const id of ids) {
    const raw = (await rows.findOne({ _id: id }, { raw: true })) as unknown as Buffer | null;
    if (raw !== null) found.set(id, raw.toString('hex'));
  }
  return found;
}
