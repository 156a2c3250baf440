import { paceAt } from '../config/values/pace';
import type { StreamSpec } from '../config/schema';
import { Limiter } from '../core/write/limiter';
import type { ActivityDeps } from './deps';

/** What holds a leg back to the limits of its stream. */
export const limiterOf = (deps: ActivityDeps, spec: StreamSpec): Limiter =>
  new Limiter(() => paceAt(spec.stream.limits, new Date(deps.clock.now())), deps.meter(spec), deps.clock);
