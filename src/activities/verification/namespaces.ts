import type { StreamSpec } from '../../config/schema';
import type { VerificationCall } from '../../protocol/verification-activities';
import { splitNamespace, type Namespace, type SourceNamespace } from '../../core/model/namespace';
import { compileName } from '../../core/mapping/pattern';
import type { Source } from '../../core/ports/source';

/** What a run compares: everything, or what the patterns name, with or without the source's database. */
export function chosen(spec: StreamSpec, patterns: readonly string[] | null): (name: Namespace) => boolean {
  if (patterns === null) return () => true;
  const compiled = patterns.map(compileName);
  const own = spec.stream.source.database;
  return (name) => {
    const { database, collection } = splitNamespace(name);
    return compiled.some(({ matches }) => matches(name) || (own === database && matches(collection)));
  };
}

export async function selectedNamespaces(
  source: Source,
  { spec, namespaces }: VerificationCall,
  signal: AbortSignal,
): Promise<readonly SourceNamespace[]> {
  const matches = chosen(spec, namespaces);
  return (await source.namespaces(signal)).filter(({ name }) => matches(name));
}

/** Whether rows of a namespace may go at the source without a change: asked for once, and only where it matters. */
export function losingRows(
  source: Pick<Source, 'namespace'>,
  signal: AbortSignal,
): (name: Namespace) => Promise<boolean> {
  const known = new Map<Namespace, Promise<boolean>>();
  return (name) => {
    const asked = known.get(name) ?? source.namespace(name, signal).then((found) => found?.losesRows === true);
    known.set(name, asked);
    return asked;
  };
}
