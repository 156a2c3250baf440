import type { SchemaChange } from '../../src/core/model/change';
import type { Barrier, Ledger } from '../../src/core/ports/destination';
import { decideSchemaChange, outcomeOf, touchedBy, type DecisionContext } from '../../src/core/schema/schema-change';
import { at, order } from '../support/changes';

const base = { namespace: 'shop.a', sourceTimeMs: 0 };
const rename: SchemaChange = { ...base, op: 'rename', to: 'shop.b', kind: 'rename' };

const context = (options: {
  readonly overlapEnd?: number | null;
  readonly barrier?: Barrier;
  readonly parked?: readonly string[];
  readonly inOverlap?: readonly string[];
  readonly updates?: 'delta' | 'row';
  readonly renameOut?: DecisionContext['renameOut'];
  readonly unsupported?: DecisionContext['unsupported'];
  readonly missing?: string;
  readonly holds?: boolean;
}): DecisionContext => {
  const ledger = { barrier: options.barrier ?? null } as unknown as Ledger;
  return {
    source: { order },
    claim: { ledger, inexpressible: () => options.missing ?? null, holds: () => options.holds ?? true },
    overlapEnd: options.overlapEnd == null ? null : at(options.overlapEnd),
    updates: options.updates ?? 'delta',
    renameOut: options.renameOut ?? 'needs_attention',
    unsupported: options.unsupported ?? 'ignore',
    isParked: (name) => options.parked?.includes(name) === true,
    inOverlap: (name) => options.inOverlap?.includes(name) === true,
  };
};

describe('decideSchemaChange', () => {
  const copied = { action: 'alter', change: rename, copy: 'shop.b' };

  it('moves what is in step', () => {
    expect(decideSchemaChange(rename, at(9), context({ overlapEnd: 5 }))).toEqual({ action: 'alter', change: rename });
  });

  it('copies anew what was renamed while a copy may have met it under either name', () => {
    expect(decideSchemaChange(rename, at(4), context({ overlapEnd: 5 }))).toEqual(copied);
    expect(decideSchemaChange(rename, at(9), context({ inOverlap: ['shop.a'] }))).toEqual(copied);
    expect(decideSchemaChange(rename, at(9), context({ inOverlap: ['shop.b'] }))).not.toHaveProperty('copy');
  });

  it('copies anew what was renamed before its rows were ever copied', () => {
    expect(decideSchemaChange(rename, at(9), context({ overlapEnd: 5, holds: false }))).toEqual(copied);
  });

  it('copies anew what was renamed where rows are read late', () => {
    expect(decideSchemaChange(rename, at(9), context({ overlapEnd: 5, updates: 'row' }))).toEqual(copied);
  });

  it('leaves out what happens to parked namespaces, and no more than that', () => {
    const parked = ['shop.a'];
    const drop: SchemaChange = { ...base, op: 'drop', kind: 'drop' };
    expect(decideSchemaChange(drop, at(9), context({ parked }))).toEqual({ action: 'count' });
    expect(decideSchemaChange(rename, at(9), context({ parked }))).toMatchObject({
      change: { op: 'drop' },
      copy: 'shop.b',
    });
    expect(decideSchemaChange(rename, at(9), context({ parked: ['shop.b'] }))).toMatchObject({
      action: 'alter',
      change: { op: 'drop', namespace: 'shop.a' },
    });
    expect(decideSchemaChange(rename, at(9), context({ parked: ['shop.a', 'shop.b'] }))).toEqual({ action: 'count' });
    const leave: SchemaChange = { ...rename, op: 'renamed_out' };
    expect(decideSchemaChange(leave, at(9), context({ parked }))).toEqual({ action: 'count' });
  });

  it('ends the copies of what is dropped, renamed or left', () => {
    const copying = ['shop.a', 'shop.b', 'other.a'];
    const named = (change: SchemaChange) => touchedBy(change, copying);
    expect(named(rename)).toEqual(['shop.a', 'shop.b']);
    expect(named({ ...base, op: 'drop', kind: 'drop' })).toEqual(['shop.a']);
    expect(named({ ...base, namespace: 'shop', op: 'drop_database', kind: 'dropDatabase' })).toEqual([
      'shop.a',
      'shop.b',
    ]);
    expect(named({ ...base, op: 'create', kind: 'create' })).toEqual([]);
  });

  it('does nothing a second time', () => {
    const done = { position: at(9), state: 'done' } as const;
    const drop: SchemaChange = { op: 'drop', namespace: 'shop.b', kind: 'drop', sourceTimeMs: 0 };
    expect(decideSchemaChange(drop, at(9), context({ overlapEnd: 5, barrier: done }))).toEqual({ action: 'count' });
    expect(decideSchemaChange(drop, at(10), context({ overlapEnd: 5, barrier: done })).action).toBe('alter');
  });

  it('copies what enters in place of what stood there', () => {
    const enter: SchemaChange = { ...rename, op: 'renamed_in', namespace: 'shop.outside' };
    expect(decideSchemaChange(enter, at(9), context({}))).toMatchObject({
      action: 'alter',
      change: { op: 'drop', namespace: 'shop.b' },
      copy: 'shop.b',
    });
  });

  it('does with what leaves as it was told', () => {
    const leave: SchemaChange = { ...rename, op: 'renamed_out' };
    const told = (renameOut: DecisionContext['renameOut']) => decideSchemaChange(leave, at(9), context({ renameOut }));
    expect(told('drop')).toMatchObject({ action: 'alter', change: { op: 'drop', namespace: 'shop.a' } });
    expect(told('keep')).toEqual({ action: 'alter', change: leave });
    expect(() => told('needs_attention')).toThrow(expect.objectContaining({ code: 'renamed_out' }) as Error);
  });

  it('leaves out what the destination cannot express, or asks a person', () => {
    const shard: SchemaChange = { ...base, op: 'other', kind: 'shardCollection' };
    const capped: SchemaChange = { ...base, op: 'create', kind: 'create' };
    const missing = 'its shard key';
    expect(decideSchemaChange(shard, at(9), context({ missing }))).toEqual({ action: 'count', ignored: missing });
    expect(decideSchemaChange(capped, at(9), context({ missing }))).toEqual({
      action: 'alter',
      change: capped,
      ignored: missing,
    });
    for (const change of [shard, capped])
      expect(() => decideSchemaChange(change, at(9), context({ missing, unsupported: 'needs_attention' }))).toThrow(
        expect.objectContaining({ code: 'schema_change_unsupported', kind: 'needs_attention' }) as Error,
      );
  });

  it('counts a change that was done before, whatever the policy says of it now', () => {
    const barrier = { position: at(9), state: 'done' } as const;
    const change: SchemaChange = { ...base, op: 'create', kind: 'create' };
    expect(
      decideSchemaChange(change, at(9), context({ barrier, missing: 'its cap', unsupported: 'needs_attention' })),
    ).toEqual({ action: 'count' });
  });

  it('counts each decision by its outcome', () => {
    const change: SchemaChange = { ...base, op: 'modify', kind: 'modify' };
    expect(outcomeOf({ action: 'alter', change })).toBe('applied');
    expect(outcomeOf({ action: 'alter', change, ignored: 'a part' })).toBe('ignored');
    expect(outcomeOf({ action: 'count', ignored: 'all' })).toBe('ignored');
    expect(outcomeOf({ action: 'count' })).toBe('repeated');
    expect(outcomeOf({ action: 'alter', change, copy: 'shop.b' })).toBe('copied');
  });
});
