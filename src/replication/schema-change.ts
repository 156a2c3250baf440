import type { SchemaChange } from './change';
import type { Barrier, Claim } from './destination';
import { ReplicationError } from './errors';
import type { Namespace } from './namespace';
import type { Position } from './position';
import type { Source } from './source';

export type Decision =
  | { readonly action: 'alter'; readonly change: SchemaChange }
  /** Stop here until these were copied; met again with the copy done, the change is settled by `alter`. */
  | { readonly action: 'copy'; readonly namespaces: readonly Namespace[] }
  | { readonly action: 'count' };

export interface DecisionContext {
  readonly source: Pick<Source, 'order'>;
  readonly claim: Pick<Claim, 'ledger'>;
  readonly inStepAfter: Position | null;
  readonly updates: 'delta' | 'row';
  readonly renameOut: 'drop' | 'keep' | 'needs_attention';
}

/** What a schema change at the source means for the destination. */
export function decideSchemaChange(change: SchemaChange, position: Position, context: DecisionContext): Decision {
  // Done before a crash, or under another filter: the lanes may have written beyond it since.
  if (stands('done', position, context)) return { action: 'count' };
  switch (change.op) {
    case 'create':
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
      return { action: 'count' };
  }
}

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
      return { action: 'count' };
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
