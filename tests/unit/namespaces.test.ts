import { Namespaces } from '../../src/core/schema/namespaces';

const forever = new AbortController().signal;

describe('a namespace that is gone at the source', () => {
  it('keeps the order that the destination has on record', async () => {
    const claim = { prepare: () => Promise.resolve(), wholeOrder: (name: string) => name === 'shop.capped' };
    const namespaces = new Namespaces({ namespace: () => Promise.resolve(null) }, claim);
    for (const name of ['shop.capped', 'shop.plain']) await namespaces.add(name, forever);
    expect(namespaces.wholeOrder('shop.capped')).not.toBeNull();
    expect(namespaces.wholeOrder('shop.plain')).toBeNull();
  });
});
