import { readFileSync, writeFileSync } from 'node:fs';

/** One thing that a writer does at the source, as data. Each has a seed of its own: leaving one out changes no other. */
export type Work =
  /** Single writes of every shape to rows with odd keys. */
  | { readonly do: 'mixed'; readonly seed: number; readonly ms: number; readonly perSecond: number }
  /** Thousands of writes as fast as the source takes them. */
  | { readonly do: 'burst'; readonly seed: number; readonly writes: number }
  | { readonly do: 'transactions'; readonly seed: number; readonly count: number }
  /** Deletes and inserts the same keys again, in other types where numbers allow it. */
  | { readonly do: 'reinsert'; readonly seed: number; readonly rounds: number }
  | { readonly do: 'large'; readonly seed: number; readonly bytes: number }
  /** Values under a unique index move between rows. */
  | { readonly do: 'rotate'; readonly seed: number; readonly moves: number }
  | { readonly do: 'schema'; readonly seed: number; readonly kind: SchemaWork };

export type SchemaWork =
  | 'create'
  | 'drop'
  | 'rename'
  | 'rename_onto'
  | 'drop_database'
  | 'create_index'
  | 'drop_index'
  | 'recreate'
  /** Options of a collection, or of an index. */
  | 'coll_mod';

/** Works that go on beside each other; none of them is silence. The next act begins when all have ended. */
export interface Act {
  readonly works: readonly Work[];
  /** The act lasts at least this long. */
  readonly ms: number;
}

export type Side = 'source' | 'destination';

/** What a worker is doing when it is held: a leg of the pump, or whatever comes first. */
export type Held = 'pump' | 'anything';

/** One fault as data; `atMs` counts from the start of the stream, or from when it is in step. */
export type Fault = { readonly atMs: number } & (
  | { readonly kind: 'worker_kill'; readonly restartAfterMs: number }
  | { readonly kind: 'worker_term'; readonly restartAfterMs: number }
  /** Killed while the destination is slow, so that a lot is read and little is durable. */
  | { readonly kind: 'worker_kill_behind'; readonly slowMs: number }
  | { readonly kind: 'worker_freeze'; readonly ms: number; readonly during: Held }
  /** Two workers; the one at work is killed. */
  | { readonly kind: 'worker_takeover' }
  /** The worker at work loses Temporal and goes on writing beside its successor. */
  | { readonly kind: 'temporal_partition'; readonly ms: number; readonly during: Held }
  | { readonly kind: 'temporal_kill'; readonly signal: 'SIGKILL' | 'SIGTERM'; readonly downMs: number }
  | {
      readonly kind: 'server_kill';
      readonly side: Side;
      readonly signal: 'SIGKILL' | 'SIGTERM';
      readonly downMs: number;
    }
  | { readonly kind: 'cut'; readonly side: Side; readonly times: number }
  | { readonly kind: 'reset'; readonly side: Side; readonly times: number }
  | { readonly kind: 'half_close'; readonly side: Side; readonly times: number }
  | { readonly kind: 'delay'; readonly side: Side; readonly ms: number; readonly delayMs: number }
  /** The destination works for so long on a step of as many changes as the stream may write in one. */
  | { readonly kind: 'slow_steps'; readonly ms: number; readonly fullStepMs: number }
  /** The write takes effect, but its reply is lost. */
  | {
      readonly kind: 'drop_reply';
      readonly side: Side;
      readonly commands: readonly string[];
      readonly times: number;
    }
  /** The connection is reset in the middle of a request. */
  | { readonly kind: 'truncate'; readonly side: Side; readonly commands: readonly string[]; readonly times: number }
  /** Writes of a worker that is dead by now arrive after its successor has taken over. */
  | { readonly kind: 'late_delivery' }
  | {
      readonly kind: 'refuse';
      readonly side: Side;
      readonly commands: readonly string[];
      readonly code: number;
      readonly ms: number;
    }
  /** The write took effect, and the server says that it is not durable. */
  | { readonly kind: 'write_concern'; readonly code: number; readonly ms: number }
  /** The source says that it has lost its history; a person resumes. */
  | { readonly kind: 'history_error' }
  | { readonly kind: 'clock_jump'; readonly offsetMs: number; readonly ms: number }
  | { readonly kind: 'pause'; readonly ms: number }
  | { readonly kind: 'continue_as_new' }
  | { readonly kind: 'reconfigure'; readonly lanes: number; readonly batchSize: number }
  | { readonly kind: 'add_collections' }
);

export type FaultKind = Fault['kind'];

export interface Plan {
  readonly seed: number;
  readonly updates: 'delta' | 'row';
  readonly lanes: number;
  readonly batchSize: number;
  readonly copyParallelism: number;
  readonly workers: number;
  /** In force only with deltas, and where the destination can be written with such an index. */
  readonly uniqueIndexes: 'hold' | 'in_force';
  /** Before the stream starts. */
  readonly before: readonly Act[];
  /** From the start of the stream on. */
  readonly during: readonly Act[];
  /** Faults begin when the stream is in step, so that no write they cause may go back; else with its start, so that they meet the copy. */
  readonly inStep: boolean;
  readonly faults: readonly Fault[];
}

export const readPlan = (file: string): Plan => JSON.parse(readFileSync(file, 'utf8')) as Plan;

export const writePlan = (file: string, plan: Plan): void => writeFileSync(file, `${JSON.stringify(plan, null, 2)}\n`);
