import type { SchemaChange } from '../model/change';
import type { Claim } from '../ports/destination';
import { ReplicationError } from '../model/errors';
import { splitNamespace, type Namespace } from '../model/namespace';
import type { Position } from '../model/position';
import type { Source } from '../ports/source';

export type Decision =
  /** `ignored`: what of it the destination cannot express, in words. `copy`: to be copied by a backfill from here on. */
  | {
      readonly action: 'alter';
      readonly change: SchemaChange;
      readonly copy?: Namespace;
      readonly ignored?: string;
    }
  /** Nothing is done: it was before, its namespace is parked, or the destination cannot. */
  | { readonly action: 'count'; readonly ignored?: string };

export interface DecisionContext {
  readonly source: Pick<Source, 'order'>;
  readonly claim: Pick<Claim, 'ledger' | 'inexpressible' | 'holds'>;
  readonly overlapEnd: Position | null;
  readonly updates: 'delta' | 'row';
  readonly renameOut: 'drop' | 'keep' | 'needs_attention';
  /** What becomes of a change that the destination cannot express. */
  readonly unsupported: 'ignore' | 'needs_attention';
  readonly isParked: (namespace: Namespace) => boolean;
  /** Its rows may not all be at the destination, or be newer there than the stream is. */
  readonly inOverlap: (namespace: Namespace) => boolean;
}

/** What a schema change at the source means for the destination. */
export function decideSchemaChange(change: SchemaChange, position: Position, context: DecisionContext): Decision {
  // Done before a crash, or under another filter: the lanes may have written beyond it since.
  if (isDone(position, context)) return { action: 'count' };
  const seen = besideParked(change, context.isParked);
  return seen === null ? { action: 'count' } : decide(seen, position, context);
}

/** What of a change is left where a namespace of it is parked. */
function besideParked(change: SchemaChange, isParked: (namespace: Namespace) => boolean): SchemaChange | null {
  const { namespace, to, ...rest } = change;
  const [from, into] = [isParked(namespace), to !== undefined && isParked(to)];
  switch (change.op) {
    case 'rename':
      if (from && into) return null;
      if (into) return { ...rest, namespace, op: 'drop' };
      return from ? { ...change, op: 'renamed_in' } : change;
    case 'renamed_in':
      return into ? null : change;
    default:
      return from ? null : change;
  }
}

function decide(change: SchemaChange, position: Position, context: DecisionContext): Decision {
  const missing = context.claim.inexpressible(change);
  if (missing !== null && context.unsupported === 'needs_attention') throw unsupported(change, missing);
  const ignored = missing === null ? {} : { ignored: missing };
  switch (change.op) {
    case 'create':
    case 'create_indexes':
    case 'drop_indexes':
    case 'modify':
    case 'derive':
      return { action: 'alter', change, ...ignored };
    case 'drop':
    case 'drop_database':
      return { action: 'alter', change };
    case 'rename':
      return rename(change, position, context);
    case 'renamed_in': {
      // What stood under this name went with the rename; its rows and its options are others now.
      const { to, ...rest } = change;
      const copy = to ?? change.namespace;
      return { action: 'alter', change: { ...rest, op: 'drop', namespace: copy }, copy };
    }
    case 'renamed_out':
      return leave(change, context.renameOut);
    case 'other':
      return { action: 'count', ...ignored };
  }
}

/** What a decision is counted as. */
export function outcomeOf(decision: Decision): 'applied' | 'copied' | 'ignored' | 'repeated' {
  if ('copy' in decision) return 'copied';
  if (decision.ignored !== undefined) return 'ignored';
  return decision.action === 'alter' ? 'applied' : 'repeated';
}

const unsupported = ({ kind, namespace }: SchemaChange, missing: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'schema_change_unsupported',
    message: `${kind} of ${namespace} cannot be expressed at the destination: ${missing}`,
    remedy:
      'Do at the destination by hand what is wanted there, set error_handling.unsupported_schema_change to "ignore".',
    then: 'Then apply and resume.',
    namespace,
  });

/**
 * Moves what is at the destination. Where that may not be what the source has moved, it is copied anew under the new
 * name: a copy may have met the rows under either, rows that are read late are no longer found under the old one, and
 * the old name may have been selected, or resumed, only after it was gone.
 */
function rename(change: SchemaChange, position: Position, context: DecisionContext): Decision {
  const { claim, inOverlap, overlapEnd, source, updates } = context;
  const settled = overlapEnd === null || source.order(position, overlapEnd) === 'after';
  const whole = claim.holds(change.namespace) && !inOverlap(change.namespace);
  if (change.to === undefined || (settled && updates === 'delta' && whole)) return { action: 'alter', change };
  return { action: 'alter', change, copy: change.to };
}

function isDone(position: Position, { claim, source }: DecisionContext): boolean {
  const { barrier } = claim.ledger;
  return barrier?.state === 'done' && source.order(barrier.position, position) === 'same';
}

/** The namespaces whose copies a change puts an end to, of those that are being copied. */
export function touchedBy(change: SchemaChange, copying: readonly Namespace[]): readonly Namespace[] {
  const { database } = splitNamespace(change.namespace);
  switch (change.op) {
    case 'drop_database':
      return copying.filter((name) => splitNamespace(name).database === database);
    case 'drop':
    case 'renamed_out':
    case 'rename':
    case 'renamed_in':
      return copying.filter((name) => name === change.namespace || name === change.to);
    default:
      return [];
  }
}

function leave(change: SchemaChange, policy: DecisionContext['renameOut']): Decision {
  switch (policy) {
    case 'drop':
      return { action: 'alter', change: { ...change, op: 'drop' } };
    case 'keep':
      return { action: 'alter', change };
    case 'needs_attention':
      throw new ReplicationError('needs_attention', {
        code: 'renamed_out',
        message: `${change.namespace} was renamed to ${change.to ?? 'a name'} that this stream does not follow`,
        remedy:
          'Set source.options.rename_out to "drop" (drop it at the destination) or "keep" (leave it there), or widen source.collections.',
        then: 'Then apply and resume.',
        namespace: change.namespace,
      });
  }
}

/**
 * What has become of indexes, options and derived namespaces is asked for where it is needed: not every server tells them
 * whole in its event, and what is newer is met again. Converging to the newest shape is safe, as rows do not depend on it.
 */
export async function shaped(
  change: SchemaChange,
  source: Pick<Source, 'derived' | 'shape'>,
  claim: Pick<Claim, 'derives'>,
  signal: AbortSignal,
): Promise<SchemaChange> {
  const { database } = splitNamespace(change.namespace);
  const derived = change.op === 'derive' || claim.derives(change) ? await source.derived(database, signal) : undefined;
  const told = derived === undefined ? change : { ...change, derived };
  switch (change.op) {
    case 'create_indexes':
    case 'drop_indexes':
    case 'modify':
      return { ...told, shape: await source.shape(change, signal) };
    default:
      return told;
  }
}
