import type { Db, Document } from 'mongodb';
import type { Random } from './random';

export const PLAIN = { key: { z: 1 }, name: 'by z' } as const;

/** What it is made anew with: another order, other options, and fields that a JavaScript object would put in another order. */
export const PLAINS: readonly Document[] = [
  PLAIN,
  { ...PLAIN, key: { z: -1 } },
  { ...PLAIN, sparse: true },
  {
    ...PLAIN,
    key: new Map([
      ['z', 1],
      ['10', 1],
      ['2', 1],
    ]),
  },
  { ...PLAIN, partialFilterExpression: { z: { $gt: 5 } } },
];

/** Far beyond any test; no row has such a field besides. */
const EXPIRING = { key: { later: 1 }, name: 'by later', expireAfterSeconds: 1_000_000_000 } as const;

/** Made where it is missing: one that is there may be another by now, hidden or longer. */
async function have(db: Db, collection: string, index: { readonly name: string }): Promise<void> {
  const there = await db.collection(collection).indexes();
  if (!there.some(({ name }) => name === index.name)) await db.command({ createIndexes: collection, indexes: [index] });
}

/** Changes options of a collection, or of an index of it. None of them refuses a row. */
export async function modify(db: Db, collection: string, random: Random): Promise<void> {
  await db.command({ collMod: collection, ...(await changes(db, collection, random)) });
}

async function changes(db: Db, collection: string, random: Random): Promise<Document> {
  switch (random.pick(['hide', 'expire', 'expire', 'rule', 'rule', 'no_rule', 'images'])) {
    case 'hide':
      await have(db, collection, PLAIN);
      return { index: { name: PLAIN.name, hidden: random.chance(0.6) } };
    case 'expire':
      await have(db, collection, EXPIRING);
      return { index: { name: EXPIRING.name, expireAfterSeconds: random.between(1_000_000_001, 2_147_483_647) } };
    case 'rule':
      return {
        validator: { v: { $gte: -random.between(0, 99) } },
        validationLevel: random.pick(['moderate', 'strict']),
        validationAction: random.pick(['warn', 'error']),
      };
    case 'no_rule':
      return { validator: {}, validationLevel: 'strict', validationAction: 'error' };
    default:
      return { changeStreamPreAndPostImages: { enabled: random.chance(0.5) } };
  }
}
