import { privilegeFindings } from '../../src/connectors/mongodb/destination/inspect';
import { shardedFindings } from '../../src/connectors/mongodb/source/inspect';

describe('findings of a sharded source', () => {
  it('say what its _ids must be, and that one router is enough', () => {
    expect(shardedFindings(1).map(({ severity, code }) => [severity, code])).toEqual([
      ['warning', 'sharded_source'],
      ['note', 'sharding_not_copied'],
    ]);
    expect(shardedFindings(2).map(({ code }) => code)).toEqual([
      'sharded_source',
      'sharding_not_copied',
      'several_routers',
    ]);
    for (const { remedy } of shardedFindings(2)) expect(remedy).not.toBe('');
  });
});

describe('what a destination tells of its user', () => {
  const databases = { ledger: 'tributary', target: 'shop' };
  const told = (privileges: unknown, users: readonly unknown[] = [{ user: 'u' }]): string[] =>
    privilegeFindings(
      { authInfo: { authenticatedUsers: users, authenticatedUserPrivileges: privileges } },
      databases,
    ).map(({ severity, code, message }) => `${severity} ${code} ${message}`);
  const all = [
    'find',
    'insert',
    'update',
    'remove',
    'createCollection',
    'dropCollection',
    'createIndex',
    'listCollections',
  ];

  it('is unknown where the list of privileges is empty or left out, and never taken for enough', () => {
    const unknown = [expect.stringMatching(/^warning privileges_unknown the destination does not tell/u)];
    expect(told([])).toEqual(unknown);
    expect(told(undefined)).toEqual(unknown);
    expect(told([], [])).toEqual([]);
  });

  it('is enough, or lacks what is named, by database', () => {
    expect(told([{ resource: { db: '', collection: '' }, actions: all }])).toEqual([]);
    expect(told([{ resource: { anyResource: true }, actions: ['anyAction'] }])).toEqual([]);
    expect(told([{ resource: { db: 'shop', collection: '' }, actions: all.slice(1) }])).toEqual([
      expect.stringMatching(/^error missing_privilege the user lacks find, insert.* on database tributary/u),
      'error missing_privilege the user lacks find on database shop of the destination',
    ]);
  });
});
