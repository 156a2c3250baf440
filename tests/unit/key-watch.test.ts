import { KeyWatch } from '../../src/core/refresh/key-watch';
import { at, order } from '../support/changes';

describe('KeyWatch', () => {
  it('covers a row until where it was read, and forgets it when that is passed', () => {
    const watch = new KeyWatch(order, null);
    expect(watch.empty).toBe(true);
    watch.add(['a'], at(5));
    watch.add(['b'], at(7));
    expect([watch.covers('a', at(5)), watch.covers('a', at(6)), watch.covers('c', at(1))]).toEqual([
      true,
      false,
      false,
    ]);
    watch.pass(at(5));
    expect([watch.covers('a', at(5)), watch.covers('b', at(7)), watch.empty]).toEqual([false, true, false]);
    watch.pass(at(8));
    expect(watch.empty).toBe(true);
  });

  it('tells whether any row of a namespace is covered', () => {
    const watch = new KeyWatch(order, null);
    watch.add(['shop.a\0one'], at(5));
    const some = (rows: string, position: number) => watch.coversSome(rows, at(position));
    expect([some('shop.a\0', 5), some('shop.a\0', 6), some('shop.b\0', 5)]).toEqual([true, false, false]);
    watch.widen(at(7));
    expect([some('shop.b\0', 7), some('shop.b\0', 8)]).toEqual([true, false]);
  });

  it('takes the newest place at which a row was read', () => {
    const watch = new KeyWatch(order, null);
    watch.add(['a', 'b'], at(5));
    watch.add(['a'], at(9));
    watch.pass(at(6));
    expect([watch.covers('a', at(9)), watch.covers('b', at(5))]).toEqual([true, false]);
  });

  it('covers everything where the rows are not known, and where they are too many', () => {
    const unknown = new KeyWatch(order, at(3));
    expect([unknown.covers('x', at(3)), unknown.covers('x', at(4))]).toEqual([true, false]);
    unknown.pass(at(3));
    expect(unknown.empty).toBe(true);
    const flooded = new KeyWatch(order, null);
    flooded.add(
      Array.from({ length: 60_000 }, (_, i) => `r${i}`),
      at(9),
    );
    expect([flooded.covers('x', at(9)), flooded.covers('x', at(10))]).toEqual([true, false]);
  });

  it('covers every row up to the newest place where their names have changed', () => {
    const watch = new KeyWatch(order, null);
    expect(watch.until).toBeNull();
    watch.add(['a'], at(5));
    watch.add(['b'], at(7));
    expect(watch.until).toEqual(at(7));
    watch.widen(at(9));
    expect([watch.covers('x', at(9)), watch.covers('a', at(10)), watch.until]).toEqual([true, false, at(9)]);
  });

  it('covers what stands apart', () => {
    const watch = new KeyWatch(order, null);
    watch.add(['a'], at(5));
    expect(watch.covers('a', { ...at(9), history: 'other' })).toBe(true);
  });
});
