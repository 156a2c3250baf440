import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ErrorKind } from '../core/model/errors';

export type LegOutcome = 'done' | 'interrupted' | 'fenced' | 'failed';

export type Level = 'info' | 'warn' | 'error';

export interface LegFailure {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly outcome: LegOutcome;
  readonly level: Level;
}

// What the workflow tries again by itself is a warning; the others wait for a person.
const LEVELS: Readonly<Record<ErrorKind, Level>> = {
  retry: 'warn',
  fenced: 'info',
  poison: 'error',
  needs_attention: 'error',
  bug: 'error',
};

function kindOf(error: ApplicationFailure): ErrorKind {
  const [info] = error.details ?? [];
  const kind = (info as { kind?: unknown } | null | undefined)?.kind;
  return typeof kind === 'string' && kind in LEVELS ? (kind as ErrorKind) : 'bug';
}

/** What a leg's failure means, read from what the workflow will read. */
export function failureOf(error: unknown): LegFailure {
  if (error instanceof CancelledFailure)
    return { kind: 'retry', code: 'cancelled', outcome: 'interrupted', level: 'info' };
  if (!(error instanceof ApplicationFailure)) {
    return { kind: 'bug', code: error instanceof Error ? error.name : 'unknown', outcome: 'failed', level: 'error' };
  }
  const kind = kindOf(error);
  const code = error.type ?? error.name;
  if (kind === 'fenced') return { kind, code, outcome: 'fenced', level: 'info' };
  if (code === 'interrupted') return { kind, code, outcome: 'interrupted', level: 'info' };
  return { kind, code, outcome: 'failed', level: LEVELS[kind] };
}

/** Why a leg ended, and what it did; never what it carried. */
export function summaryOf(result: unknown): Readonly<Record<string, unknown>> {
  if (typeof result !== 'object' || result === null) return {};
  const { reason, totals } = result as { reason?: unknown; totals?: unknown };
  return { ...(reason === undefined ? {} : { reason }), ...(totals === undefined ? {} : { totals }) };
}
