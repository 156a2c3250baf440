import type { Namespace } from '../model/namespace';
import type { Position } from '../model/position';
import type { Root } from './root';

/** Moves the low water. The caller vouches that all before it is durable in every lane. */
export const advance = (root: Root, position: Position, signal: AbortSignal): Promise<void> =>
  root.move((state) => ({ ...state, lowWater: position }), signal);

/** A schema change begins: identities of these namespaces may differ from the recorded ones until it is done. */
export const begun = (
  root: Root,
  position: Position,
  touches: readonly Namespace[],
  signal: AbortSignal,
): Promise<void> => root.move((state) => ({ ...state, barrier: { position, state: 'intent', touches } }), signal);

export const done = (root: Root, position: Position, signal: AbortSignal): Promise<void> =>
  root.move((state) => ({ ...state, barrier: { position, state: 'done', touches: [] } }), signal);

/**
 * A schema change that is done lies behind every lane, even where the low water is still before it: what comes before it is skipped,
 * or rows of the old shape would be written into the new one.
 */
export const floor = (root: Root): Position | null => {
  const { barrier } = root.state;
  return barrier?.state === 'done' ? barrier.position : null;
};

/** The identities that may differ from the recorded ones. */
export const touched = (root: Root): ReadonlySet<Namespace> => {
  const { barrier } = root.state;
  return new Set(barrier?.state === 'intent' ? barrier.touches : []);
};
