import { ReplicationError, THEN_RESUME } from '../model/errors';
import type { Finding } from '../model/finding';
import type { OwnedTarget } from '../ports/destination';

const NAMED = 5;

const REMEDY =
  'If that stream is not needed any more, run `tributary streams stop OTHER` and `tributary streams forget OTHER`; otherwise map the namespace to another target with `destination.namespaces`, or set `destination.options.shared_targets: true` for both streams';

const remedyOf = ({ owners }: OwnedTarget): string => REMEDY.replaceAll('OTHER', owners[0] ?? 'OTHER');

const told = ({ namespace, target, owners }: OwnedTarget): string =>
  `the target ${target} of ${namespace} belongs to stream ${owners.join(', ')}`;

/** `start`: nothing was written yet, and the stream is refused as a whole. Else the first of them is parked, and the others go on. */
export function targetOwned(owned: readonly [OwnedTarget, ...OwnedTarget[]], start: boolean): ReplicationError {
  const [first] = owned;
  const shown = start ? owned.slice(0, NAMED) : [first];
  const more = start && owned.length > NAMED ? `; and ${owned.length - NAMED} more` : '';
  return new ReplicationError('needs_attention', {
    code: 'target_owned',
    message: `${shown.map(told).join('; ')}${more}`,
    remedy: `${remedyOf(first)}.`,
    then: THEN_RESUME,
    ...(!start && { namespace: first.namespace }),
  });
}

/** What `config check --connect`, `apply` and a start say of a target that another stream writes. */
export const ownedFinding = (owned: OwnedTarget): Finding =>
  owned.shared
    ? {
        severity: 'warning',
        code: 'target_shared',
        message: `the target ${owned.target} of ${owned.namespace} is written by stream ${owned.owners.join(', ')} too`,
        remedy:
          'both streams have `shared_targets: true`: see that no key comes from both; a repair copy and `verify` take rows of the other stream for extra rows',
        namespace: owned.namespace,
      }
    : {
        severity: 'error',
        code: 'target_owned',
        message: told(owned),
        remedy: remedyOf(owned),
        namespace: owned.namespace,
      };
