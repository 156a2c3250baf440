import type { SpecChange } from '../../config/diff';
import type { StreamSpec } from '../../config/schema';

export type Action =
  /** Not there yet: start its workflow. */
  | 'start'
  /** There and different. */
  | 'reconfigure'
  | 'unchanged'
  /** `enabled: false` and not running. */
  | 'disabled'
  /** A change cannot be made while the stream runs. */
  | 'refused';

/** What a running stream says about itself; null where none runs, `unreadable` where its input is not in order. */
export type Current = StreamSpec | null | 'unreadable';

export interface PlannedStream {
  readonly stream: string;
  readonly action: Action;
  readonly changes: readonly SpecChange[];
  /** What follows the action. */
  readonly then: 'pause' | 'resume' | null;
}

export function planStream(wanted: StreamSpec, current: Current, changes: readonly SpecChange[]): PlannedStream {
  const { id: stream, enabled } = wanted.stream;
  if (current === null) return { stream, action: enabled ? 'start' : 'disabled', changes: [], then: null };
  if (current === 'unreadable') return { stream, action: 'reconfigure', changes: [], then: null };
  if (changes.length === 0) return { stream, action: 'unchanged', changes, then: null };
  if (changes.some(({ effect }) => effect === 'needs_restart'))
    return { stream, action: 'refused', changes, then: null };
  const then = enabled === current.stream.enabled ? null : enabled ? 'resume' : 'pause';
  return { stream, action: 'reconfigure', changes, then };
}
