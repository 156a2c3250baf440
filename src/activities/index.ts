import type { ReplayActivities } from '../protocol/dead-letter-replay';
import type { StreamActivities } from '../protocol/stream-activities';
import type { VerificationActivities } from '../protocol/verification-activities';
import { catchUp } from './stream/catch-up';
import { copy } from './stream/copy';
import type { ActivityDeps } from './deps';
import { finalize } from './stream/finalize';
import { currentPosition } from './stream/current-position';
import { inspectPosition } from './stream/inspect-position';
import { parse } from './stream/parse';
import { prepare } from './prepare/prepare';
import { pump } from './stream/pump';
import { replayLetters } from './dead-letters/replay';
import { revise } from './stream/revise';
import { createVerificationActivities } from './verification/verification';

export type Activities = StreamActivities & VerificationActivities & ReplayActivities;

/** Everything that workflows call. */
export const createActivities = (deps: ActivityDeps): Activities => ({
  parse: parse(deps),
  revise: revise(deps),
  prepare: prepare(deps),
  copy: copy(deps),
  pump: pump(deps),
  finalize: finalize(deps),
  here: currentPosition(deps),
  inspectPosition: inspectPosition(deps),
  catchUp: catchUp(deps),
  ...createVerificationActivities(deps),
  replayLetters: replayLetters(deps),
});
