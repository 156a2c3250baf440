import { badRenames, renames } from '../../src/destinations/mongodb/renames';

describe('renames', () => {
  it('keeps a name that nothing renames', () => {
    expect(renames({}, undefined)('shop.orders')).toBe('shop.orders');
  });

  it('moves every collection into the configured database, dots in its name included', () => {
    expect(renames({}, 'archive')('shop.orders.2024')).toBe('archive.orders.2024');
  });

  it('renames an exact name, and leaves its neighbours', () => {
    const target = renames({ 'shop.orders': 'archive.orders_eu' }, undefined);
    expect(target('shop.orders')).toBe('archive.orders_eu');
    expect(target('shop.orders2')).toBe('shop.orders2');
    expect(target('shopXorders')).toBe('shopXorders');
  });

  it('puts what each * stood for into the new name', () => {
    const target = renames({ 'shop.*': 'archive.*_eu', '*.log_*': 'logs.*-*' }, undefined);
    expect(target('shop.orders')).toBe('archive.orders_eu');
    expect(target('web.log_2024')).toBe('logs.web-2024');
  });

  it('prefers an exact name to a pattern, and a pattern with more text to one with less', () => {
    const target = renames({ '*': 'rest.*', 'shop.*': 'a.*', 'shop.ord*': 'b.*', 'shop.orders': 'c.orders' }, 'd');
    expect(target('shop.orders')).toBe('c.orders');
    expect(target('shop.ordinary')).toBe('b.inary');
    expect(target('shop.x')).toBe('a.x');
    expect(target('other.x')).toBe('rest.other.x');
  });

  it('takes $ in names literally', () => {
    expect(renames({ 'shop.*': 'archive.$&*' }, undefined)('shop.a$1')).toBe('archive.$&a$1');
  });

  it('finds new names with more * than their pattern', () => {
    expect(badRenames({ 'a.*': 'b.*', 'a.b': 'c.*', '*.x': '*.*' })).toEqual(['a.b', '*.x']);
  });
});
