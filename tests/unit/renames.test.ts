import { compileRenames, type RenameOptions } from '../../src/core/mapping/pattern';

const renames = (namespaces: RenameOptions['namespaces'], database?: string) =>
  compileRenames({ namespaces, database });

describe('the name of a namespace at the destination', () => {
  it('stays where nothing renames it', () => {
    expect(renames({})('shop.orders')).toBe('shop.orders');
  });

  it('goes into the configured database, dots in its name included', () => {
    expect(renames({}, 'archive')('shop.orders.2024')).toBe('archive.orders.2024');
    expect(renames({ 'shop.a': 'x.$&' }, 'copy')('shop.b.c')).toBe('copy.b.c');
  });

  it('follows an exact rename, which leaves its neighbours', () => {
    const target = renames({ 'shop.orders': 'archive.orders_eu' });
    expect(['shop.orders', 'shop.orders2', 'shopXorders'].map(target)).toEqual([
      'archive.orders_eu',
      'shop.orders2',
      'shopXorders',
    ]);
  });

  it('gets what each * and ? stood for, in order', () => {
    const target = renames({ 'shop.*': 'archive.*_eu', '*.log_*': 'logs.*-*', 'crm?.a?b': 'crm.?_?' });
    expect(['shop.orders', 'shop.a.b', 'web.log_2024', 'crm1.axb'].map(target)).toEqual([
      'archive.orders_eu',
      'archive.a.b_eu',
      'logs.web-2024',
      'crm.1_x',
    ]);
  });

  it('is not made by a wildcard of the database that reaches over the dot', () => {
    const target = renames({ 'a*.c': 'x.*', 'b?c.d': 'y.?' });
    expect(['a1.c', 'a1.b.c', 'b.c.d'].map(target)).toEqual(['x.1', 'a1.b.c', 'b.c.d']);
  });

  it('is an exact one before a pattern, and of patterns that with most literal characters, in whatever order', () => {
    const given = { '*.*': 'rest.*_*', 'shop.*': 'a.*', 'shop.or*': 'b.*', 'shop.orders': 'c.o' };
    const reversed = Object.fromEntries(Object.entries(given).reverse());
    for (const target of [renames(given, 'd'), renames(reversed, 'd')]) {
      expect(['shop.orders', 'shop.orphans', 'shop.x', 'crm.p.q'].map(target)).toEqual([
        'c.o',
        'b.phans',
        'a.x',
        'rest.crm_p.q',
      ]);
    }
  });

  it('takes $ literally', () => {
    const target = renames({ 'shop.*': 'archive.$&*', 'crm.a': 'x.$&' });
    expect(['shop.a$1', 'crm.a'].map(target)).toEqual(['archive.$&a$1', 'x.$&']);
  });
});
