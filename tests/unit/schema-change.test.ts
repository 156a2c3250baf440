import type { SchemaChange } from '../../src/replication/change';
import type { Barrier, Ledger } from '../../src/replication/destination';
import { decideSchemaChange, type DecisionContext } from '../../src/replication/schema-change';
import { at, order } from '../support/changes';

const rename: SchemaChange = {
  op: 'rename',
  namespace: 'shop.a',
  to: 'shop.b',
  kind: 'rename',
  sourceTimeMs: 0,
};

const context = (options: {
  readonly inStepAfter?: number | null;
  readonly barrier?: Barrier;
  readonly done?: boolean;
  readonly updates?: 'delta' | 'row';
  readonly renameOut?: DecisionContext['renameOut'];
}): DecisionContext => {
  const range = { namespace: 'shop.b', done: options.done ?? true };
  const ledger = { barrier: options.barrier ?? null, ranges: [range] } as unknown as Ledger;
  return {
    source: { order },
    claim: { ledger },
    inStepAfter: options.inStepAfter == null ? null : at(options.inStepAfter),
    updates: options.updates ?? 'delta',
    renameOut: options.renameOut ?? 'needs_attention',
  };
};

describe('decideSchemaChange', () => {
  const copy = { action: 'copy', namespaces: ['shop.b'] };

  it('moves what is in step', () => {
    expect(decideSchemaChange(rename, at(9), context({ inStepAfter: 5 }))).toEqual({ action: 'alter', change: rename });
  });

  it('copies anew what was renamed while a copy may have met it under either name', () => {
    expect(decideSchemaChange(rename, at(4), context({ inStepAfter: 5 }))).toEqual(copy);
  });

  it('copies anew what was renamed where rows are read late', () => {
    expect(decideSchemaChange(rename, at(9), context({ inStepAfter: 5, updates: 'row' }))).toEqual(copy);
  });

  it('takes no copy for it that was planned before the stream stopped there', () => {
    const held = { position: at(4), state: 'held' } as const;
    expect(decideSchemaChange(rename, at(4), context({ inStepAfter: 5, barrier: held }))).toEqual(copy);
    const elsewhere = { position: at(3), state: 'planned' } as const;
    expect(decideSchemaChange(rename, at(4), context({ inStepAfter: 5, barrier: elsewhere }))).toEqual(copy);
  });

  it('takes no copy for it that is not done', () => {
    const planned = { position: at(4), state: 'planned' } as const;
    expect(decideSchemaChange(rename, at(4), context({ inStepAfter: 5, barrier: planned, done: false }))).toEqual(copy);
  });

  it('lets the old name go once the new one was copied', () => {
    const planned = { position: at(4), state: 'planned' } as const;
    expect(decideSchemaChange(rename, at(4), context({ inStepAfter: 5, barrier: planned }))).toMatchObject({
      action: 'alter',
      change: { op: 'drop', namespace: 'shop.a' },
    });
  });

  it('does nothing a second time', () => {
    const done = { position: at(9), state: 'done' } as const;
    const drop: SchemaChange = { op: 'drop', namespace: 'shop.b', kind: 'drop', sourceTimeMs: 0 };
    expect(decideSchemaChange(drop, at(9), context({ inStepAfter: 5, barrier: done }))).toEqual({ action: 'count' });
    expect(decideSchemaChange(drop, at(10), context({ inStepAfter: 5, barrier: done })).action).toBe('alter');
  });

  it('copies what enters, whenever it was copied before', () => {
    const enter: SchemaChange = { ...rename, op: 'enter', namespace: 'shop.outside' };
    expect(decideSchemaChange(enter, at(9), context({ inStepAfter: 20 }))).toEqual(copy);
    const planned = { position: at(9), state: 'planned' } as const;
    expect(decideSchemaChange(enter, at(9), context({ inStepAfter: 20, barrier: planned })).action).toBe('alter');
  });

  it('does with what leaves as it was told', () => {
    const leave: SchemaChange = { ...rename, op: 'leave' };
    const told = (renameOut: DecisionContext['renameOut']) => decideSchemaChange(leave, at(9), context({ renameOut }));
    expect(told('drop')).toMatchObject({ action: 'alter', change: { op: 'drop', namespace: 'shop.a' } });
    expect(told('keep')).toEqual({ action: 'count' });
    expect(() => told('needs_attention')).toThrow(expect.objectContaining({ code: 'renamed_out' }) as Error);
  });
});
