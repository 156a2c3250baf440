import { catchUp } from './catch-up';
import type { StreamActivities } from './contract';
import { copy } from './copy';
import type { ActivityDeps } from './deps';
import { finalize } from './finalize';
import { here } from './here';
import { parse } from './parse';
import { prepare } from './prepare';
import { pump } from './pump';
import { revise } from './revise';

/** Everything that workflows call. */
export const createActivities = (deps: ActivityDeps): StreamActivities => ({
  parse: parse(deps),
  revise: revise(deps),
  prepare: prepare(deps),
  copy: copy(deps),
  pump: pump(deps),
  finalize: finalize(deps),
  here: here(deps),
  catchUp: catchUp(deps),
});
