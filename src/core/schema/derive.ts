import type { Claim } from '../ports/destination';
import type { Finding } from '../model/finding';
import type { SourceNamespace } from '../model/namespace';
import type { Source } from '../ports/source';

/** Makes the derived namespaces among these at the destination: after what they are computed from. */
export function derive(
  source: Pick<Source, 'selects'>,
  listed: readonly SourceNamespace[],
  claim: Pick<Claim, 'derive'>,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const list = listed.filter(({ follows }) => follows === 'derived');
  return claim.derive({ list, covers: (name) => source.selects(name) }, signal);
}
