import type { Key } from '../model/change';
import type { Finding } from '../model/finding';
import type { Namespace, SourceNamespace } from '../model/namespace';
import type { Position } from '../model/position';
import type { Range } from './source';

/** What a row at the destination is, compared with the source's. */
export type DifferenceKind = 'missing' | 'extra' | 'different';

export const DIFFERENCE_KINDS: readonly DifferenceKind[] = ['missing', 'extra', 'different'];

/**
 * `suspect`: the two sides differed when they were read, which may have been lag. `damaged`: they differ although the
 * stream had passed everything that the source's row has seen. `unsettled`: it changed too often to be told.
 */
export type DifferenceState = 'suspect' | 'damaged' | 'unsettled';

/** A row that differs. Its key is data: it is kept at the destination, and shown by commands whose login may read there. */
export interface Difference {
  /** As the source names it. */
  readonly namespace: Namespace;
  readonly key: Key;
  readonly kind: DifferenceKind;
  readonly state: DifferenceState;
  /** Of the larger of both rows. */
  readonly bytes: number;
  /** How often it was read again. */
  readonly rounds: number;
}

/** How far the comparison of one range is. */
export interface ComparedRange extends Range {
  readonly number: number;
  readonly namespace: Namespace;
  /** Raised with every record of progress: of two activities that compare one range, the later one is `fenced`. */
  readonly sequence: number;
  readonly after: Buffer | null;
  readonly done: boolean;
  readonly sourceRows: number;
  readonly destinationRows: number;
  /** Differences beyond those that are listed. */
  readonly unlisted: number;
}

/** A namespace that is not compared, and why. */
export interface NotVerified {
  readonly namespace: Namespace;
  /** `parked`, `copying`, or `copy_only`: nothing follows it. */
  readonly why: 'parked' | 'copying' | 'copy_only';
}

/** How the stream stands, as its ledger tells: the workflow may be at rest, or gone. */
export interface StreamProgress {
  /** All before it is durable at the destination; null before the start position is recorded. */
  readonly lowWater: Position | null;
  /** Source names of what is being copied. */
  readonly copying: ReadonlySet<Namespace>;
  /** Source names of what the stream leaves alone until a person acts. */
  readonly parked: ReadonlySet<Namespace>;
  /** Raised by every copy that is planned. */
  readonly copies: number;
}

export interface NamespaceRows {
  readonly namespace: Namespace;
  readonly sourceRows: number;
  readonly destinationRows: number;
  readonly done: boolean;
}

export type KindCounts = Readonly<Record<DifferenceKind, number>>;

/** What a run has found so far. */
export interface Findings {
  readonly ranges: number;
  readonly rangesDone: number;
  readonly sourceRows: number;
  readonly destinationRows: number;
  readonly suspects: number;
  readonly damaged: KindCounts;
  readonly unsettled: number;
  readonly unlisted: number;
}

export interface DifferencesFilter {
  readonly state: DifferenceState;
  /** Only those that were read again less often than this. */
  readonly below?: number;
}

/** What became of a difference that was read again; `cleared`: both sides are the same by now. */
export interface Rechecked {
  readonly difference: Difference;
  readonly outcome: DifferenceState | 'cleared';
  readonly kind: DifferenceKind;
}

/** The records of one run of a verification, kept at the destination; and what else it has to know of the stream there. */
export interface Verification {
  readProgress(signal: AbortSignal): Promise<StreamProgress | null>;
  /** Once; a run that has its plan keeps it. */
  plan(
    ranges: ReadonlyMap<Namespace, readonly Range[]>,
    notVerified: readonly NotVerified[],
    signal: AbortSignal,
  ): Promise<void>;
  openRanges(signal: AbortSignal): Promise<readonly ComparedRange[]>;
  /** Differences first, then how far the range is; rejects with `fenced` when another activity went on with the range. */
  note(differences: readonly Difference[], signal: AbortSignal): Promise<void>;
  advance(from: ComparedRange, to: ComparedRange, signal: AbortSignal): Promise<void>;
  /** In a fixed order, those behind `after`. */
  differences(
    filter: DifferencesFilter,
    page: { readonly limit: number; readonly after: string | null },
    signal: AbortSignal,
  ): Promise<{ readonly list: readonly Difference[]; readonly last: string | null }>;
  resolve(settled: readonly Rechecked[], signal: AbortSignal): Promise<void>;
  /** Damaged and unsettled ones are to be rechecked. */
  reopen(signal: AbortSignal): Promise<void>;
  listed(signal: AbortSignal): Promise<number>;
  findings(signal: AbortSignal): Promise<Findings>;
  rowsOf(limit: number, signal: AbortSignal): Promise<readonly NamespaceRows[]>;
  /**
   * How targets differ from what the stream would have made of these, rows apart: errors are differences, and so is what
   * stands at the destination alone, of what is selected.
   */
  layout(
    namespaces: readonly SourceNamespace[],
    selected: (name: Namespace) => boolean,
    signal: AbortSignal,
  ): Promise<readonly Finding[]>;
  /** Records how it ended, and forgets all but the last few runs. */
  conclude(verdict: string, signal: AbortSignal): Promise<void>;
}
