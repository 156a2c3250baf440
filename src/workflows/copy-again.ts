import type { PumpResult } from '../activities/contract';
import { boundedNamespaces } from './bounded';
import { durationMs } from './calls';
import { backOffMs, retryTimes } from './policy';
import { record } from './record';
import type { Run } from './run';
import type { NamespaceStatus, Phase } from './state';

/** Copies in a row that may be asked for at one and the same position before the stream slows down. */
const REQUESTS_AT_ONCE = 2;

/** The pump cannot go on before these namespaces are copied; it then goes on from where it is, and nothing is lost. */
export function copyAgain(run: Run, { copy }: PumpResult, moved: boolean): Phase {
  const { state } = run;
  run.copyRequests = moved ? 1 : run.copyRequests + 1;
  if (run.copyRequests > REQUESTS_AT_ONCE) {
    const times = retryTimes(run.spec.stream.retry_policy, durationMs);
    run.delayMs = backOffMs(run.copyRequests - REQUESTS_AT_ONCE, times, Math.random());
  }
  const waiting = Object.fromEntries(copy.map((name): [string, NamespaceStatus] => [name, 'waiting_for_copy']));
  state.namespaces = boundedNamespaces({ ...state.namespaces, ...waiting });
  state.copy = copy;
  state.copyMode = 'replace';
  record(run, 'stream.copy_needed', { namespaces: copy.length });
  return 'prepare';
}
