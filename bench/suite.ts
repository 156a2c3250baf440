import type { Scope } from './lab/scope';
import type { Sizes } from './options';
import type { Outcome } from './report/outcome';

/** One question that is answered with figures. */
export interface Suite {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  /** For the page: what is written, what is timed. */
  readonly method: string;
  /** Changes that the servers' history has to hold, where that is more or less than usual. */
  readonly history?: number;
  /** It takes long, and its figures are already those of many streams or of a long time: not repeated. */
  readonly once?: true;
  run(scope: Scope, sizes: Sizes): Promise<Outcome>;
}
