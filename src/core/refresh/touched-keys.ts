import type { Clock } from '../ports/clock';
import type { Namespace } from '../model/namespace';
import { splitNamespace } from '../model/namespace';
import { reached, type Position } from '../model/position';
import type { Source } from '../ports/source';

/** What of a few keys happened at the source between two positions. */
export interface TouchedKeys {
  /** Whether a row changed, or its namespace as a whole. */
  touched(namespace: Namespace, keyId: string): boolean;
  /** Whether the shape of a namespace changed. */
  reshaped(namespace: Namespace): boolean;
  /** The end was not reached in time: anything may have changed. */
  readonly unknown: boolean;
}

export interface Watched {
  readonly namespace: Namespace;
  readonly keyId: string;
}

/**
 * Reads the source's log between two positions. Without them a verification cannot tell a wrong row from one that is
 * about to be written: a row that was `a`, became `b` and is `a` again looks the same in two reads.
 */
export async function touchedBetween(
  source: Pick<Source, 'stream' | 'order'>,
  { from, until }: { readonly from: Position; readonly until: Position },
  watched: readonly Watched[],
  { timeMs, clock }: { readonly timeMs: number; readonly clock: Clock },
  signal: AbortSignal,
): Promise<TouchedKeys> {
  const keys = new Set(watched.map(({ namespace, keyId }) => idOf(namespace, keyId)));
  const rows = new Set<string>();
  const namespaces = new Set<Namespace>();
  const databases = new Set<string>();
  const touched = (unknown: boolean): TouchedKeys => {
    const reshaped = (name: Namespace): boolean =>
      unknown || namespaces.has(name) || databases.has(splitNamespace(name).database);
    return {
      unknown,
      reshaped,
      touched: (name, keyId) => reshaped(name) || rows.has(idOf(name, keyId)),
    };
  };
  const reading = new AbortController();
  const abort = (): void => reading.abort();
  signal.addEventListener('abort', abort, { once: true });
  using _late = clock.timer(timeMs, abort);
  try {
    const options = { overlapEnd: null, updates: 'delta', batchSize: 1_000 } as const;
    for await (const event of source.stream(from, options, reading.signal)) {
      if (event.type === 'part' || event.type === 'commit') {
        for (const { namespace, key } of event.changes) {
          const id = idOf(namespace, key.id);
          if (keys.has(id)) rows.add(id);
        }
      } else if (event.type === 'schema') {
        const { change } = event;
        if (change.op === 'drop_database') databases.add(splitNamespace(change.namespace).database);
        namespaces.add(change.namespace);
        if (change.to !== undefined) namespaces.add(change.to);
      }
      if (event.type !== 'part' && reached(source.order(event.position, until))) return touched(false);
    }
    return touched(true);
  } catch (error) {
    if (reading.signal.aborted && !signal.aborted) return touched(true);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    reading.abort();
  }
}

const idOf = (namespace: Namespace, keyId: string): string => `${namespace} ${keyId}`;
