import type { Namespace } from '../model/namespace';

/** A structured log line: one event name per thing that happens. Never a row, a key or a secret. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** What every connector is given when it is opened. */
export interface ConnectorContext {
  readonly stream: string;
  readonly log: Log;
  /** Where a destination keeps dead letters; in its ledger database when left out. */
  readonly deadLetters?: Namespace;
}
