import { compileSelection } from '../../src/core/mapping/pattern';
import { filterHash, streamFilter } from '../../src/connectors/mongodb/source/stream/filter';

describe('the filter of a change stream', () => {
  it('asks for nothing where a whole database is followed', () => {
    expect(streamFilter(compileSelection({ database: 'shop', exclude: [] }))).toEqual([]);
  });

  it('asks for names, not for expressions, where names were given', () => {
    const [stage] = streamFilter(compileSelection({ database: 'shop', collections: ['orders'], exclude: [] }));
    expect(JSON.stringify(stage)).toContain('{"ns.coll":{"$in":["orders"]}}');
    expect(JSON.stringify(stage)).not.toContain('pattern');
  });

  it('differs for different selections, so that no event is resumed from under another filter', () => {
    const hashes = [
      { database: 'shop', exclude: [] },
      { database: 'shop', collections: ['orders'], exclude: [] },
      { database: 'shop', collections: ['cust*'], exclude: [] },
      { database: 'shop', collections: ['cust?'], exclude: [] },
      { database: 'shop', exclude: ['cust*'] },
      { exclude: [] },
      { collections: ['shop.*'], exclude: [] },
      { collections: ['shop.*'], exclude: ['*.log'] },
    ].map((options) => filterHash(compileSelection(options)));
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
