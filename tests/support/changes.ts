import type { Change, DeltaChange, DeleteChange, RowChange } from '../../src/core/model/change';
import type { Meter } from '../../src/core/pump/progress';
import type { Order, Position } from '../../src/core/model/position';

/** A position in a made-up log that is a plain number. */
export const at = (token: number): Position => ({ source: 'list', history: 'h', token });

export function order(a: Position, b: Position): Order {
  if (a.history !== b.history) return 'apart';
  const [x, y] = [a.token as number, b.token as number];
  return x < y ? 'before' : x > y ? 'after' : 'same';
}

const base = (id: string, token: number) => ({
  namespace: 'shop.orders',
  key: { id, hash: Buffer.from(id).reduce((sum, byte) => sum * 31 + byte, 7) >>> 0, bytes: Buffer.from(id) },
  sourceTimeMs: token,
  bytes: 100,
  position: at(token),
});

export const row = (id: string, token: number, op: 'insert' | 'replace' = 'replace'): RowChange => ({
  ...base(id, token),
  op,
  row: Buffer.from(`${id}@${token}`),
});

export const delta = (id: string, token: number, needsLookup = false): DeltaChange => ({
  ...base(id, token),
  op: 'update',
  delta: Buffer.from(`+${token}`),
  needsLookup,
});

export const removal = (id: string, token: number): DeleteChange => ({ ...base(id, token), op: 'delete' });

/** `insert a@1`, for readable expectations. */
export const words = (changes: readonly Change[]): string[] =>
  changes.map((change) => `${change.op} ${change.key.id}@${JSON.stringify(change.position.token)}`);

export const silentMeter: Meter = {
  read: () => undefined,
  applied: () => undefined,
  skipped: () => undefined,
  refused: () => undefined,
  window: () => undefined,
  parked: () => undefined,
  leftOut: () => undefined,
  deltaMissed: () => undefined,
  schemaChange: () => undefined,
  lag: () => undefined,
  throttled: () => undefined,
  stepLimit: () => undefined,
  slowStep: () => undefined,
  copied: () => undefined,
  copyProgress: () => undefined,
};
