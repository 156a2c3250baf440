import type { Fault, FaultKind } from '../plan';
import type { Round } from '../round-context';

/** Whether a fault happened to the stream, and what shows it. */
export interface Bite {
  readonly bit: boolean;
  readonly evidence: string;
}

export type FaultOf<K extends FaultKind> = Extract<Fault, { readonly kind: K }>;

/** Makes a fault happen and ends it; the round goes on meanwhile. */
export type Inject<K extends FaultKind> = (round: Round, fault: FaultOf<K>) => Promise<Bite>;

/** What two faults cannot do to the round at the same time. */
export type Resource = 'workers' | 'temporal' | 'source' | 'destination' | 'control';

export const bite = (bit: boolean, evidence: string): Bite => ({ bit, evidence });

/** Resolves when the condition holds or the time is over; answers whether it held. */
export async function within(ms: number, holds: () => boolean): Promise<boolean> {
  const until = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > until) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}
