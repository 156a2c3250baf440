import { sameDeployment } from '../../auth/resolve';
import type { StreamSpec } from '../../config/schema';
import { ReplicationError, THEN_RESUME } from '../../core/model/errors';
import { ownedFinding, targetOwned } from '../../core/failures/target-owned';
import type { Finding } from '../../core/model/finding';
import type { Namespace, SourceNamespace } from '../../core/model/namespace';
import { compileSelection } from '../../core/mapping/pattern';
import type { ActivityDeps } from '../deps';
import type { Pipeline } from '../open';

const NAMED = 5;

const listed = (names: readonly Namespace[]): string =>
  names.length <= NAMED ? names.join(', ') : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;

/** Both sides' findings; what stands in the way is one error that lists all of it, with remedies. */
export async function inspected({ source, destination }: Pipeline, signal: AbortSignal): Promise<readonly Finding[]> {
  const findings = (await Promise.all([source.inspect(signal), destination.inspect(signal)])).flat();
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return findings;
  throw new ReplicationError('needs_attention', {
    code: 'inspection_failed',
    message: errors.map(({ code, message }) => `${code}: ${message}`).join('; '),
    remedy: [...new Set(errors.map(({ remedy }) => remedy))].filter((remedy) => remedy !== '').join('; '),
    then: THEN_RESUME,
  });
}

/** References may hide that both sides are one deployment: a target that the source follows would be copied for ever. */
export function refuseSelfCopy(
  deps: Pick<ActivityDeps, 'resolveCredentials'>,
  spec: StreamSpec,
  { destination }: Pipeline,
  namespaces: readonly Namespace[],
): void {
  if (!sameDeployment(deps.resolveCredentials(spec, 'source'), deps.resolveCredentials(spec, 'destination'))) return;
  const { database, collections, exclude } = spec.stream.source;
  const { matches } = compileSelection({ database, collections, exclude });
  const followed = namespaces.find((name) => matches(destination.target(name)));
  if (followed === undefined) return;
  throw new ReplicationError('needs_attention', {
    code: 'copies_itself',
    message: `source and destination are one deployment, and the target of ${followed} is followed by the source: the stream would copy its own writes`,
    remedy:
      'choose another target with destination.database or destination.namespaces, or keep it out with source.exclude',
    namespace: followed,
  });
}

/** Rows that are there before the first copy are not the stream's; a person says what becomes of them (`on_existing`). */
export async function refuseOccupied(
  { destination }: Pipeline,
  namespaces: readonly Namespace[],
  signal: AbortSignal,
): Promise<void> {
  const occupied = await destination.occupied(namespaces, signal);
  if (occupied.length === 0) return;
  throw new ReplicationError('needs_attention', {
    code: 'destination_not_empty',
    message: `the destination holds rows already, for: ${listed(occupied)}`,
    remedy:
      'Set snapshot.on_existing to "merge" (rows stay, those of the source win) or "replace" (they are discarded first), or empty them.',
    then: 'Then apply and resume.',
    ...(occupied[0] !== undefined && { namespace: occupied[0] }),
  });
}

/** A target belongs to one stream. What two of them share on purpose is told. */
export async function refuseOwned(
  { destination }: Pipeline,
  namespaces: readonly Namespace[],
  start: boolean,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const owned = await destination.ownedByOthers(namespaces, signal);
  const [first, ...more] = owned.filter(({ shared }) => !shared);
  if (first !== undefined) throw targetOwned([first, ...more], start);
  return owned.map(ownedFinding);
}

export const selectionFindings = (
  namespaces: readonly SourceNamespace[],
  known: readonly Finding[],
  copies: boolean,
): readonly Finding[] => {
  const told = new Set(known.map(({ namespace }) => namespace));
  const left = namespaces.filter(({ name, follows }) => follows === 'nothing' && !told.has(name));
  const findings: Finding[] = left.map(({ name }) => ({
    severity: 'warning',
    code: 'namespace_not_copied',
    message: `${name} can be neither copied nor followed`,
    remedy: 'exclude it from the stream, so that this is said on purpose',
    namespace: name,
  }));
  const once = copies ? [] : namespaces.filter(({ follows }) => follows === 'copy_only');
  for (const { name } of once)
    findings.push({
      severity: 'warning',
      code: 'namespace_not_copied',
      message: `${name} can only be copied, and this stream copies nothing (snapshot.mode: never)`,
      remedy: 'exclude it from the stream, or give it a stream of its own that copies',
      namespace: name,
    });
  if (namespaces.length > 0) return findings;
  return [
    ...findings,
    {
      severity: 'warning',
      code: 'nothing_selected',
      message: 'the selection matches nothing at the source yet',
      remedy: 'check source.database and source.collections; what is created later is followed from its first row',
    },
  ];
};
