import { extended } from '../../formats/bson/extended-json';
import { resolveCredentials } from '../../auth/resolve';
import type { StreamSpec } from '../../config/schema';
import { openDestination } from '../../connectors/registry';
import { orderedJson } from '../ordered-json';
import type { DifferenceKind, DifferenceState } from '../../core/ports/verification';

/** A row that differs, as a person may see it. */
export interface DifferingRow {
  readonly namespace: string;
  readonly difference: DifferenceKind;
  readonly state: DifferenceState;
  /** Extended JSON of the key. */
  readonly key: string;
}

/** Keys are data: the command reads them from the destination, with a login that may read there. */
export async function differingRows(
  spec: StreamSpec,
  run: string,
  limit: number,
  signal: AbortSignal,
): Promise<readonly DifferingRow[]> {
  const { id, destination: config } = spec.stream;
  const context = { stream: id, log: () => undefined };
  await using destination = await openDestination(config, resolveCredentials(spec, 'destination'), context);
  const verification = destination.verification(id, run);
  const rows: DifferingRow[] = [];
  for (const state of ['damaged', 'unsettled'] as const) {
    if (rows.length >= limit) break;
    const page = { limit: limit - rows.length, after: null };
    const { list } = await verification.differences({ state }, page, signal);
    for (const { namespace, kind, key } of list)
      rows.push({ namespace, difference: kind, state, key: shown(key.bytes) });
  }
  return rows;
}

/** A key is a document with one field, `_id`. */
export function shown(key: Buffer): string {
  const document = extended(key, { canonical: true });
  return orderedJson(document instanceof Map ? document.get('_id') : (document as { readonly _id: unknown })._id);
}
