import { compileName, compileSelection } from '../../src/core/mapping/pattern';

describe('compileName', () => {
  it.each([
    ['orders', 'orders', true],
    ['orders', 'orders2', false],
    ['cust*', 'customers', true],
    ['cust*', 'cust', true],
    ['cust*', 'a.cust', false],
    ['*', 'any.thing with\nlines', true],
    ['?rders', '😀rders', true],
    ['?rders', 'rders', false],
    ['a.b', 'axb', false],
    ['a+(b)[c]{d}|^$\\e', 'a+(b)[c]{d}|^$\\e', true],
    ['o-r/d#s*', 'o-r/d#s1', true],
  ])('%s against %s', (pattern, name, expected) => {
    const compiled = compileName(pattern);
    expect(compiled.matches(name)).toBe(expected);
    expect(new RegExp(compiled.source, 'u').test(name)).toBe(expected);
  });
});

describe('compileSelection', () => {
  it('matches the whole collection name inside a database, dots included', () => {
    const selection = compileSelection({ database: 'shop-eu', collections: ['a.b', 'cust*'], exclude: ['*.old'] });
    expect(
      ['shop-eu.a.b', 'shop-eu.cust.x', 'shop-eu.cust.old', 'shop.a.b', 'shop-eu.b'].map(selection.matches),
    ).toEqual([true, true, false, false, false]);
    expect(selection.database).toBe('shop-eu');
  });

  it('takes database.collection patterns for a whole deployment', () => {
    const selection = compileSelection({ collections: ['shop.*', 'crm?.people'], exclude: ['shop.tmp*'] });
    expect(['shop.a.b', 'shop.tmp1', 'crm1.people', 'crm.people', 'crm1.other'].map(selection.matches)).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
    expect(['shop', 'crm2', 'other'].map(selection.matchesDatabase)).toEqual([true, true, false]);
  });

  it('never follows the servers own, the ledger or system collections', () => {
    const selection = compileSelection({ exclude: [], ledgerDatabase: 'bookkeeping' });
    expect(
      ['admin.x', 'local.x', 'config.x', 'bookkeeping.x', 'shop.system.views', 'shop'].map(selection.matches),
    ).toEqual([false, false, false, false, false, false]);
    expect(selection.matches('tributary.x')).toBe(true);
    expect(selection.matchesDatabase('admin')).toBe(false);
    expect(compileSelection({ exclude: [] }).matches('tributary.x')).toBe(false);
  });

  it('refuses a pattern without a database where none is configured', () => {
    expect(() => compileSelection({ collections: ['orders'], exclude: [] })).toThrow('"database.collection"');
  });
});
