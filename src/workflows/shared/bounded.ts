import { NAMED_NAMESPACES } from '../../protocol/stream-activities';
import type { NamespaceStatus } from '../../protocol/stream-state';
import type { Finding } from '../../core/model/finding';
import type { Namespace } from '../../core/model/namespace';

const NAMES_BYTES = 9_000;
const FINDINGS = 10;
const TEXT = 400;
const FAILURE_TEXT = 1_500;

const cutTo = (length: number) => (text: string) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);

export const clip = cutTo(TEXT);
/** Of several that stand beside all else. */
export const clipShort = cutTo(250);
/** A failure is one, and its list of problems is worth reading whole. */
export const clipFailure = cutTo(FAILURE_TEXT);

/** State stays under 32 KB: so many findings, the severe ones first, none of them long. */
export function boundedFindings(findings: readonly Finding[]): readonly Finding[] {
  const rank = { error: 0, warning: 1, note: 2 } as const;
  const sorted = [...findings].sort((a, b) => rank[a.severity] - rank[b.severity]);
  const kept = sorted.slice(0, FINDINGS).map((f) => ({ ...f, message: clip(f.message), remedy: clip(f.remedy) }));
  const more = sorted.length - kept.length;
  if (more === 0) return kept;
  return [...kept, { severity: 'note', code: 'more_findings', message: `and ${more} more findings`, remedy: '' }];
}

/** Up to 300 namespaces by name; beyond that, or when the names are long, only those that are not streaming. */
export function boundedNamespaces(
  statuses: Readonly<Record<Namespace, NamespaceStatus>>,
): Record<Namespace, NamespaceStatus> {
  const all = Object.entries(statuses);
  const size = (names: typeof all) => names.reduce((sum, [name, status]) => sum + name.length + status.length + 6, 0);
  if (all.length <= NAMED_NAMESPACES && size(all) <= NAMES_BYTES) return { ...statuses };
  const kept: typeof all = [];
  for (const entry of all) {
    if (entry[1] === 'streaming') continue;
    if (kept.length >= NAMED_NAMESPACES || size([...kept, entry]) > NAMES_BYTES) break;
    kept.push(entry);
  }
  return Object.fromEntries(kept);
}
