import type { Namespace } from './namespace';

/** Something that `inspect` found: an `error` stands in the way, a `warning` may later, a `note` is good to know. */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable name, such as `missing_privilege`; documented. */
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly namespace?: Namespace;
}
