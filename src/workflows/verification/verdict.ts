import { sumOf } from '../../protocol/verification-messages';
import type { Verdict, VerificationState } from '../../protocol/verification-state';

/** Why a run cannot say more than it does, for people; empty where it has read everything. */
export function gapsOf(state: VerificationState): readonly string[] {
  const { findings, layout, failure, gaveUp, cancelled, notVerifiedCount, namespaces, parsed } = state;
  const gaps: (string | false)[] = [
    cancelled && 'it was stopped',
    gaveUp && failure !== null && `${failure.code}: ${failure.message}`,
    findings === null && 'nothing was compared',
    parsed && !gaveUp && !cancelled && namespaces === 0 && 'nothing at the source is selected',
    findings !== null && findings.rangesDone < findings.ranges && 'not everything was read',
    notVerifiedCount > 0 && `${notVerifiedCount} namespaces were not compared`,
    state.repairsLeft > 0 && `the stream has not copied ${state.repairsLeft} rows again in time`,
    findings !== null && findings.unlisted > 0 && `${findings.unlisted} more rows differed than are kept`,
    findings !== null &&
      findings.suspects + findings.unsettled > 0 &&
      `${findings.suspects + findings.unsettled} rows differ that the stream has not passed yet, or that change all the time`,
    layout === null && 'indexes and options were not compared',
    layout !== null && layout.unsettled > 0 && `${layout.unsettled} namespaces changed their shape all the time`,
  ];
  return gaps.filter((gap) => gap !== false);
}

/** What was proven: a difference is one whatever else was not read. */
export function verdictOf(state: VerificationState): Verdict {
  const { findings, layout } = state;
  if ((findings !== null && sumOf(findings.damaged) > 0) || (layout?.differences ?? 0) > 0) return 'different';
  return gapsOf(state).length > 0 ? 'incomplete' : 'identical';
}
