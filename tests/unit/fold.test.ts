import fc from 'fast-check';
import type { Change, RowChange } from '../../src/core/model/change';
import { fold, readAfresh } from '../../src/core/write/fold';
import { delta, removal, row, words } from '../support/changes';

/** Applies changes to a row model in which a delta appends, so that a lost or repeated one shows. */
function applied(changes: readonly Change[]): Map<string, string> {
  const rows = new Map<string, string>();
  for (const change of changes) {
    const id = change.key.id;
    if (change.op === 'delete') rows.delete(id);
    else if (change.op === 'update') rows.set(id, `${rows.get(id) ?? '?'}${change.delta.toString()}`);
    else rows.set(id, change.row.toString());
  }
  return rows;
}

const history = fc
  .array(fc.tuple(fc.constantFrom('row', 'delta', 'removal'), fc.constantFrom('a', 'b', 'c')), { maxLength: 40 })
  .map((steps) =>
    steps.map(([kind, id], i) => (kind === 'row' ? row(id, i) : kind === 'delta' ? delta(id, i) : removal(id, i))),
  );

describe('fold', () => {
  it('keeps the last full state of a row and the deltas after it', () => {
    expect(words(fold([row('a', 1), delta('a', 2), row('a', 3), delta('a', 4), delta('a', 5)]))).toEqual([
      'replace a@3',
      'update a@4',
      'update a@5',
    ]);
  });

  it('never lets a delta stand for its predecessors', () => {
    expect(words(fold([delta('a', 1), delta('a', 2)]))).toEqual(['update a@1', 'update a@2']);
  });

  it('lets a delete stand for everything before it', () => {
    expect(words(fold([row('a', 1), delta('a', 2), removal('a', 3)]))).toEqual(['delete a@3']);
  });

  it('makes a replacement of an insert that supersedes a delete: the row may still be there', () => {
    const changes = [removal('a', 1), row('a', 2, 'insert'), delta('a', 3), row('b', 4, 'insert')];
    expect(words(fold(changes))).toEqual(['replace a@2', 'update a@3', 'insert b@4']);
    expect((fold(changes)[0] as RowChange).row).toEqual((changes[1] as RowChange).row);
  });

  it('keeps a delete before a row whose key is equal and written otherwise', () => {
    const otherwise = removal('a', 2);
    const changes = [row('a', 1), { ...otherwise, key: { ...otherwise.key, bytes: Buffer.from('A') } }, row('a', 3)];
    expect(words(fold(changes))).toEqual(['delete a@2', 'replace a@3']);
    expect(words(fold([row('a', 1), removal('a', 2), row('a', 3)]))).toEqual(['replace a@3']);
  });

  it('leaves the same rows as the unfolded changes, with at most one full state or delete per row', () => {
    fc.assert(
      fc.property(history, (changes) => {
        const folded = fold(changes);
        expect(applied(folded)).toEqual(applied(changes));
        const full = folded.filter((change) => change.op !== 'update').map((change) => change.key.id);
        expect(new Set(full).size).toBe(full.length);
      }),
    );
  });
});

describe('readAfresh', () => {
  const lookup = (rows: readonly Change[]) =>
    Promise.resolve(rows.map((d) => row(d.key.id, d.position.token as number)));
  const never = () => Promise.reject(new Error('looked up'));
  const marked = (change: Change): boolean => change.op === 'update' && change.needsLookup;

  it('replaces every change of a row by one read as soon as one of them needs it, where its first one stood', async () => {
    const changes = [delta('b', 0), row('a', 1), delta('a', 2, true), delta('a', 3), delta('b', 4)];
    const resolved = await readAfresh(changes, marked, lookup);
    expect(words(resolved.changes)).toEqual(['update b@0', 'replace a@3', 'update b@4']);
    expect(resolved.read.size).toBe(1);
  });

  it('looks up nothing when everything can be applied as it is', async () => {
    const changes = [row('a', 1), delta('b', 2)];
    const resolved = await readAfresh(changes, marked, never);
    expect(resolved.changes).toBe(changes);
    expect(resolved.read.size).toBe(0);
  });

  it('looks up full states and deletes too, when they are asked for', async () => {
    const changes = [delta('a', 1), removal('c', 2), row('b', 3)];
    const resolved = await readAfresh(changes, (change) => change.key.id !== 'a', lookup);
    expect(words(resolved.changes)).toEqual(['update a@1', 'replace c@2', 'replace b@3']);
  });

  it('keeps the order of rows', async () => {
    const changes = [delta('c', 1, true), row('b', 2), delta('a', 3, true), row('d', 4)];
    const resolved = await readAfresh(changes, marked, lookup);
    expect(words(resolved.changes)).toEqual(['replace c@1', 'replace b@2', 'replace a@3', 'replace d@4']);
  });
});
