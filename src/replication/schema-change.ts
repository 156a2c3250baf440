import type { SchemaChange } from './change';
import type { Claim } from './destination';
import { ReplicationError } from './errors';
import type { Namespace } from './namespace';
import type { Position } from './position';
import type { Source } from './source';

export type Decision =
  | { readonly action: 'alter'; readonly change: SchemaChange }
  | { readonly action: 'copy'; readonly namespaces: readonly Namespace[] }
  | { readonly action: 'count' };

export interface DecisionContext {
  readonly source: Pick<Source, 'order'>;
  readonly claim: Pick<Claim, 'ledger'>;
  readonly inStepAfter: Position | null;
  readonly renameOut: 'drop' | 'keep' | 'needs_attention';
}

/** What a schema change at the source means for the destination. */
export function decideSchemaChange(change: SchemaChange, position: Position, context: DecisionContext): Decision {
  switch (change.op) {
    case 'create':
    case 'drop':
    case 'rename':
    case 'drop_database':
      return { action: 'alter', change };
    case 'enter':
      return copiedSince(change.to ?? change.namespace, position, context)
        ? { action: 'count' }
        : { action: 'copy', namespaces: [change.to ?? change.namespace] };
    case 'leave':
      return leave(change, context.renameOut);
    case 'other':
      return { action: 'count' };
  }
}

/** The namespace was copied after it entered: its rows are there, and the overlap is absorbed. */
function copiedSince(
  namespace: Namespace,
  entered: Position,
  { claim, inStepAfter, source }: DecisionContext,
): boolean {
  const ranges = claim.ledger.ranges.filter((range) => range.namespace === namespace);
  const copied = ranges.length > 0 && ranges.every((range) => range.done);
  return copied && inStepAfter !== null && source.order(inStepAfter, entered) === 'after';
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
