import type { Document } from 'mongodb';
import { CoreStream, type CoreOptions } from '../support/core';
import { eventually } from '../support/eventually';

export const forever = new AbortController().signal;
const rows = (count: number) => Array.from({ length: count }, (_, i) => ({ _id: i as never, n: i, at: new Date() }));

/** A stream whose collection `a` was copied and is in step. */
export async function inStep(options: CoreOptions = {}): Promise<CoreStream> {
  const t = await CoreStream.open(options);
  await t.sourceDb.collection('a').insertMany(rows(20));
  await t.copy();
  await t.catchUp();
  return t;
}

export const index = (t: Pick<CoreStream, 'sourceDb'>, name: string, options: Document = {}) =>
  t.sourceDb.command({ createIndexes: 'a', indexes: [{ key: { [name]: 1 }, name, ...options }] });

/** What the destination has, by name. */
export async function indexes(t: CoreStream, collection = 'a'): Promise<Record<string, Document>> {
  const all: Document[] = await t.destinationDb.collection(collection).indexes();
  return Object.fromEntries(
    all.filter(({ name }: Document) => name !== '_id_').map((each) => [String(each['name']), each]),
  );
}

export async function built(t: CoreStream, ...names: readonly string[]): Promise<void> {
  await t.running(() =>
    eventually(async () => expect(Object.keys(await indexes(t)).sort()).toEqual([...names].sort())),
  );
}

export const logged = (t: CoreStream, event: string) =>
  t.running(() =>
    eventually(() => {
      expect(t.events).toContain(event);
      return Promise.resolve();
    }),
  );

export async function options(t: CoreStream, collection = 'a'): Promise<Document> {
  const [found] = await t.destinationDb.listCollections({ name: collection }, { nameOnly: false }).toArray();
  return (found as { options?: Document } | undefined)?.options ?? {};
}

export async function finalize(t: CoreStream) {
  const claim = await t.claim('existing');
  return claim.finalize(await t.source.namespaces(forever), forever);
}
