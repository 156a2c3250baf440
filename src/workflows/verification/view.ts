import type { VerificationInput } from '../../protocol/input';
import { sumOf, type VerificationStatus, type VerificationView } from '../../protocol/verification-messages';
import { NOTHING_FOUND, type VerificationState } from '../../protocol/verification-state';
import { count, plain } from '../shared/markdown';
import { gapsOf } from './verdict';

const STATUS = {
  plan: 'planning',
  compare: 'comparing',
  settle: 'settling',
  layout: 'settling',
  repair: 'repairing',
  conclude: 'settling',
  ended: 'settling',
} as const;

export function statusOfVerification(state: VerificationState): VerificationStatus {
  if (state.verdict !== null) return state.verdict;
  return state.failures > 0 ? 'retrying' : STATUS[state.phase];
}

export function viewOfVerification(
  { spec, repair = false }: VerificationInput,
  state: VerificationState,
): VerificationView {
  const findings = state.findings ?? NOTHING_FOUND;
  return {
    stream: spec.stream.id,
    status: statusOfVerification(state),
    phase: state.phase,
    verdict: state.verdict,
    run: state.run,
    startedAt: state.startedAt,
    endedAt: state.endedAt,
    repair,
    namespaces: state.namespaces,
    estimatedRows: state.estimatedRows,
    findings,
    layout: state.layout?.findings ?? [],
    layoutDifferences: state.layout?.differences ?? 0,
    repaired:
      state.asked === null || state.verdict === null
        ? 0
        : Math.max(0, state.asked - sumOf(findings.damaged) - findings.unsettled - findings.suspects),
    gaps: state.verdict === null ? [] : gapsOf(state),
    failure: state.failure,
    rows: state.rows,
    notVerified: state.notVerified,
  };
}

/** The short markdown table that the web UI shows for a verification. */
export function verificationDetails(view: VerificationView): string {
  const { findings, estimatedRows } = view;
  const { missing, extra, different } = findings.damaged;
  const rows: readonly (readonly [string, string])[] = [
    ['Status', `**${view.status}**`],
    ['Namespaces', view.namespaces === 0 ? '' : count(view.namespaces)],
    ['Ranges', `${count(findings.rangesDone)} of ${count(findings.ranges)}`],
    ['Rows of the source', `${count(findings.sourceRows)} of about ${count(estimatedRows)}`],
    ['Rows of the destination', count(findings.destinationRows)],
    ['Missing', missing === 0 ? '' : count(missing)],
    ['Extra', extra === 0 ? '' : count(extra)],
    ['Different', different === 0 ? '' : count(different)],
    ['To be rechecked', findings.suspects === 0 ? '' : count(findings.suspects)],
    ['Unsettled', findings.unsettled === 0 ? '' : count(findings.unsettled)],
    ['Repaired', view.repaired === 0 ? '' : count(view.repaired)],
    ['Indexes and options', view.layout.map(({ namespace = '', message }) => `${namespace}: ${message}`).join('; ')],
    ['Not proven, because', view.gaps.join('; ')],
    ['Last error', view.failure === null ? '' : `**${view.failure.code}**: ${view.failure.message}`],
  ];
  const lines = rows.filter(([, value]) => value !== '').map(([name, value]) => `| ${name} | ${plain(value)} |`);
  return [`| Verification of | ${plain(view.stream)} |`, '| --- | --- |', ...lines].join('\n');
}
