import type { ReplayActivities } from '../protocol/dead-letter-replay';
import type { StreamActivities } from '../protocol/stream-activities';
import type { VerificationActivities } from '../protocol/verification-activities';
import { catchUp } from './catch-up';
import { copy } from './copy';
import type { ActivityDeps } from './deps';
import { finalize } from './finalize';
import { here } from './here';
import { inspectPosition } from './inspect-position';
import { parse } from './parse';
import { prepare } from './prepare';
import { pump } from './pump';
import { replayLetters } from './replay';
import { revise } from './revise';
import { createVerificationActivities } from './verification';

export type Activities = StreamActivities & VerificationActivities & ReplayActivities;

/** Everything that workflows call. */
export const createActivities = (deps: ActivityDeps): Activities => ({
  parse: parse(deps),
  revise: revise(deps),
  prepare: prepare(deps),
  copy: copy(deps),
  pump: pump(deps),
  finalize: finalize(deps),
  here: here(deps),
  inspectPosition: inspectPosition(deps),
  catchUp: catchUp(deps),
  ...createVerificationActivities(deps),
  replayLetters: replayLetters(deps),
});
