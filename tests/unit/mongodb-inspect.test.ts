import { shardedFindings } from '../../src/sources/mongodb/inspect';

describe('findings of a sharded source', () => {
  it('say what its _ids must be, and that one router is enough', () => {
    expect(shardedFindings(1).map(({ severity, code }) => [severity, code])).toEqual([['warning', 'sharded_source']]);
    expect(shardedFindings(2).map(({ code }) => code)).toEqual(['sharded_source', 'several_routers']);
    for (const { remedy } of shardedFindings(2)) expect(remedy).not.toBe('');
  });
});
