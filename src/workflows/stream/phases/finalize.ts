import type { Phase } from '../../../protocol/stream-state';
import { boundedFindings } from '../../shared/bounded';
import { controlCalls, dataCalls, LONGEST_MS } from '../../shared/calls';
import { attempt, leg, succeeded } from './leg';
import { pumpLeg } from './pump-leg';
import { record } from '../record';
import type { Run } from '../run';

async function takeTarget(run: Run): Promise<Phase> {
  const { nudges } = run;
  const here = await attempt(run, () => controlCalls('where to end').here(run.spec));
  // Asked for anew meanwhile, it has to be later.
  if (here !== null && run.nudges === nudges) run.state.until = here.position;
  return 'finalize';
}

async function runUp(run: Run): Promise<Phase> {
  const { state } = run;
  const { until } = state;
  const result = await pumpLeg(run, until);
  if (result?.reason === 'reached' && state.until === until) state.caughtUp = true;
  return 'finalize';
}

/** Parked on the way here. Who finalizes goes on without the source, and would miss their rows. */
function needParked(run: Run): Phase {
  const failure = {
    kind: 'needs_attention',
    code: 'parked',
    message: 'namespaces are parked and not up to date, so that the stream cannot be finalized',
    remedy: 'Resume them by name, or exclude them and apply; then resume the stream.',
  } as const;
  run.state.failure = { ...failure, at: new Date().toISOString() };
  run.state.needsAttention = true;
  run.state.caughtUp = false;
  record(run, 'stream.needs_attention', { kind: failure.kind, code: failure.code });
  return 'finalize';
}

async function putInForce(run: Run): Promise<Phase> {
  const findings = await leg(run, (base) => dataCalls(run, LONGEST_MS, 'put held indexes in force').finalize(base));
  if (findings === null) return 'finalize';
  succeeded(run);
  // A restart or a reconfigure was accepted while the call ran, too late to end the call: it is done now.
  if (run.state.restart || run.state.unprepared || run.state.until === null) return 'finalize';
  run.state.findings = boundedFindings(findings);
  run.state.outcome = 'finalized';
  record(run, 'stream.finalized', { findings: findings.length });
  return 'ended';
}

/** Runs to where the source was when this began, then puts in force what was held back; one call at a time. */
export function finalize(run: Run): Promise<Phase> {
  if (run.state.until === null) return takeTarget(run);
  if (!run.state.caughtUp) return runUp(run);
  return run.state.parkedCount + run.state.park.length > 0 ? Promise.resolve(needParked(run)) : putInForce(run);
}
