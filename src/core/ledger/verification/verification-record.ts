import type { Key } from '../../model/change';
import type {
  ComparedRange,
  Difference,
  DifferenceState,
  Findings,
  NamespaceRows,
  NotVerified,
} from '../../ports/verification';
import type { Json } from '../../model/position';
import type { StateRecord } from '../../ports/state-store';
import { decodeBytes, encodeBytes } from '../records/records';

/** One run of a verification; it counts once it has a plan. Times are ISO. */
export interface RunState {
  readonly run: string;
  readonly planned: string;
  readonly notVerified: readonly NotVerified[];
  readonly verdict: string | null;
  readonly ended: string | null;
}

/** A row that differs; its key is data, and stands in the body. */
export type DifferenceValue = Omit<Difference, 'key'>;

export const runOf = ({ value }: StateRecord): RunState => value as unknown as RunState;
export const differenceOf = ({ value }: StateRecord): DifferenceValue => value as unknown as DifferenceValue;

export const readDifference = (record: StateRecord, keyOf: (bytes: Buffer) => Key): Difference => ({
  ...differenceOf(record),
  key: keyOf(record.body ?? Buffer.alloc(0)),
});

export const encodeCompared = ({ sequence: _sequence, from, to, after, ...rest }: ComparedRange): Json => ({
  ...rest,
  from: encodeBytes(from),
  to: encodeBytes(to),
  after: encodeBytes(after),
});

export function readCompared({ value, sequence }: StateRecord): ComparedRange {
  const stored = value as unknown as Omit<ComparedRange, 'from' | 'to' | 'after'> &
    Record<'from' | 'to' | 'after', Json>;
  const { from, to, after } = stored;
  return { ...stored, sequence, from: decodeBytes(from), to: decodeBytes(to), after: decodeBytes(after) };
}

/** What the ranges and the differences of a run amount to. */
export function findingsOf(ranges: readonly ComparedRange[], differences: readonly DifferenceValue[]): Findings {
  const total = (of: (range: ComparedRange) => number): number => ranges.reduce((sum, range) => sum + of(range), 0);
  const count = (state: DifferenceState, kind?: string): number =>
    differences.filter((each) => each.state === state && (kind === undefined || each.kind === kind)).length;
  return {
    ranges: ranges.length,
    rangesDone: ranges.filter(({ done }) => done).length,
    sourceRows: total(({ sourceRows }) => sourceRows),
    destinationRows: total(({ destinationRows }) => destinationRows),
    suspects: count('suspect'),
    damaged: {
      missing: count('damaged', 'missing'),
      extra: count('damaged', 'extra'),
      different: count('damaged', 'different'),
    },
    unsettled: count('unsettled'),
    unlisted: total(({ unlisted }) => unlisted),
  };
}

/** Namespaces with most rows first. */
export function rowsByNamespace(ranges: readonly ComparedRange[]): readonly NamespaceRows[] {
  const sums = new Map<string, NamespaceRows>();
  for (const { namespace, sourceRows, destinationRows, done } of ranges) {
    const sum = sums.get(namespace) ?? { namespace, sourceRows: 0, destinationRows: 0, done: true };
    sums.set(namespace, {
      namespace,
      sourceRows: sum.sourceRows + sourceRows,
      destinationRows: sum.destinationRows + destinationRows,
      done: sum.done && done,
    });
  }
  return [...sums.values()].sort(
    (a, b) => b.sourceRows - a.sourceRows || (a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : 0),
  );
}
