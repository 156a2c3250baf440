import type { Prepared } from '../../protocol/stream-activities';
import type { RangeRecord } from '../../core/ports/destination';
import { isReplicationError } from '../../core/model/errors';
import type { Finding } from '../../core/model/finding';
import type { Namespace } from '../../core/model/namespace';
import { sizesOf } from '../../core/copy/sizes';
import type { Size, Source } from '../../core/ports/source';

/** Cautious: what a small destination takes. */
const ROWS_PER_SECOND = 15_000;
const BYTES_PER_SECOND = 25_000_000;

/** An estimate is not worth a longer wait: some servers read their whole log for it. */
const PATIENCE_MS = 5_000;

type Estimate = Prepared['estimate'];

async function windowSeconds(source: Source, signal: AbortSignal): Promise<number | null> {
  try {
    const { keepsMs } = await source.window(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
    return keepsMs === null ? null : Math.max(0, Math.round(keepsMs / 1000));
  } catch (error) {
    // Reading it may need a privilege that the stream itself does not, or take too long.
    if (isReplicationError(error) && !signal.aborted) return null;
    throw error;
  }
}

export async function estimateOf(
  source: Source,
  ranges: readonly RangeRecord[],
  /** Those that are known by now. */
  known: ReadonlyMap<Namespace, Size>,
  signal: AbortSignal,
): Promise<Estimate> {
  const owed = [...new Set(ranges.flatMap(({ done, namespace }) => (done ? [] : [namespace])))];
  const unknown = owed.filter((name) => !known.has(name));
  const sizes = new Map([...known, ...(await sizesOf(source, unknown, signal))]);
  let rows = 0;
  let bytes = 0;
  for (const range of ranges) {
    if (range.done) continue;
    const left = Math.max(0, range.estimatedRows - range.rows);
    const size = sizes.get(range.namespace);
    rows += left;
    if (size && size.estimatedRows > 0) bytes += left * (size.estimatedBytes / size.estimatedRows);
  }
  bytes = Math.round(bytes);
  const seconds = Math.ceil(Math.max(rows / ROWS_PER_SECOND, bytes / BYTES_PER_SECOND));
  return { rows, bytes, seconds, windowSeconds: await windowSeconds(source, signal) };
}

const hours = (seconds: number): string =>
  seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;

/** A copy that takes longer than the source remembers cannot be followed by the stream. */
export const windowFindings = ({ seconds, windowSeconds: window }: Estimate): readonly Finding[] =>
  window === null || seconds <= window
    ? []
    : [
        {
          severity: 'warning',
          code: 'window_short',
          message: `the copy may take ${hours(seconds)}, and the source's log keeps what is written now for ${hours(window)}`,
          remedy: 'let the source keep its history for longer than the copy takes, or copy with more parallelism',
        },
      ];
