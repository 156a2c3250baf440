import type { SchemaChange } from './change';
import type { Barrier, Claim } from './destination';
import { ReplicationError } from './errors';
import type { Namespace } from './namespace';
import type { Position } from './position';
import type { Source } from './source';

export type Decision =
  /** `ignored`: what of it the destination cannot express, in words. */
  | { readonly action: 'alter'; readonly change: SchemaChange; readonly ignored?: string }
  /** Stop here until these were copied; met again with the copy done, the change is settled by `alter`. */
  | { readonly action: 'copy'; readonly namespaces: readonly Namespace[] }
  /** Nothing is done: it was before, or the destination cannot. */
  | { readonly action: 'count'; readonly ignored?: string };

export interface DecisionContext {
  readonly source: Pick<Source, 'order'>;
  readonly claim: Pick<Claim, 'ledger' | 'inexpressible'>;
  readonly inStepAfter: Position | null;
  readonly updates: 'delta' | 'row';
  readonly renameOut: 'drop' | 'keep' | 'needs_attention';
  /** What becomes of a change that the destination cannot express. */
  readonly unsupported: 'ignore' | 'needs_attention';
}

/** What a schema change at the source means for the destination. */
export function decideSchemaChange(change: SchemaChange, position: Position, context: DecisionContext): Decision {
  // Done before a crash, or under another filter: the lanes may have written beyond it since.
  if (stands('done', position, context)) return { action: 'count' };
  const missing = context.claim.inexpressible(change);
  if (missing !== null && context.unsupported === 'needs_attention') throw unsupported(change, missing);
  const ignored = missing === null ? {} : { ignored: missing };
  switch (change.op) {
    case 'create':
    case 'create_indexes':
    case 'drop_indexes':
    case 'modify':
      return { action: 'alter', change, ...ignored };
    case 'drop':
    case 'drop_database':
      return { action: 'alter', change };
    case 'rename':
      return rename(change, position, context);
    case 'enter': {
      const entered = [change.to ?? change.namespace];
      return copied(entered, position, context) ? { action: 'alter', change } : { action: 'copy', namespaces: entered };
    }
    case 'leave':
      return leave(change, context.renameOut);
    case 'other':
      return { action: 'count', ...ignored };
  }
}

/** What a decision is counted as. */
export function outcomeOf(decision: Decision): 'applied' | 'copied' | 'ignored' | 'repeated' {
  if (decision.action === 'copy') return 'copied';
  if (decision.ignored !== undefined) return 'ignored';
  return decision.action === 'alter' ? 'applied' : 'repeated';
}

const unsupported = ({ kind, namespace }: SchemaChange, missing: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'schema_change_unsupported',
    message: `${kind} of ${namespace} cannot be expressed at the destination: ${missing}`,
    remedy:
      'Do at the destination by hand what is wanted there, set error_handling.unsupported_schema_change to "ignore" and apply, then resume.',
    namespace,
  });

/**
 * Moves what is at the destination, where that is surely what the source has moved. While a copy may have met the rows
 * under either name, and where rows are read late (they are no longer found under the old name), they are copied anew
 * under the new one, and the old one goes.
 */
function rename(change: SchemaChange, position: Position, context: DecisionContext): Decision {
  const { inStepAfter, source, updates } = context;
  const settled = inStepAfter === null || source.order(position, inStepAfter) === 'after';
  if ((settled && updates === 'delta') || change.to === undefined) return { action: 'alter', change };
  if (!copied([change.to], position, context)) return { action: 'copy', namespaces: [change.to] };
  const { to: _to, ...rest } = change;
  return { action: 'alter', change: { ...rest, op: 'drop' } };
}

function stands(state: Barrier['state'], position: Position, { claim, source }: DecisionContext): boolean {
  const { barrier } = claim.ledger;
  return barrier?.state === state && source.order(barrier.position, position) === 'same';
}

/** They were copied since the stream stopped here: all that the change has moved is there, and the overlap is absorbed. */
function copied(namespaces: readonly Namespace[], position: Position, context: DecisionContext): boolean {
  if (!stands('planned', position, context)) return false;
  const { ranges } = context.claim.ledger;
  return namespaces.every((name) => {
    const own = ranges.filter(({ namespace }) => namespace === name);
    return own.length > 0 && own.every(({ done }) => done);
  });
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
          'Set source.options.rename_out to "drop" (drop it at the destination) or "keep" (leave it there), or widen source.collections; then apply and resume.',
        namespace: change.namespace,
      });
  }
}

/**
 * What has become of indexes and options is asked for where they are needed: not every server tells them whole in its
 * event, and what is newer is met again. Converging to the newest shape is safe, as rows do not depend on it.
 */
export async function shaped(
  change: SchemaChange,
  source: Pick<Source, 'shape'>,
  signal: AbortSignal,
): Promise<SchemaChange> {
  switch (change.op) {
    case 'create_indexes':
    case 'drop_indexes':
    case 'modify':
      return { ...change, shape: await source.shape(change, signal) };
    default:
      return change;
  }
}
