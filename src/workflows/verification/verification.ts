import {
  ActivityCancellationType,
  CancellationScope,
  isCancellation,
  makeContinueAsNewFunc,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
  type ActivityInterfaceFor,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { StreamSpec } from '../../config/schema';
import { verificationHowTo } from '../../protocol/how-to';
import { INPUT_VERSION, type VerificationInput } from '../../protocol/input';
import { SEARCH_ATTRIBUTES } from '../../protocol/names';
import type { StreamActivities } from '../../protocol/stream-activities';
import type { VerificationActivities, VerificationCall } from '../../protocol/verification-activities';
import { progressQuery, sumOf, verifiedSpecQuery, type VerificationView } from '../../protocol/verification-messages';
import type { VerificationPhase, VerificationState } from '../../protocol/verification-state';
import { clipFailure } from '../shared/bounded';
import { readFailure } from '../shared/failure';
import { initialVerification } from '../stream/initial';
import { backOffMs } from '../stream/phases/policy';
import { failureOf } from '../stream/refuse';
import { verdictOf } from './verdict';
import { statusOfVerification, verificationDetails, viewOfVerification } from './view';
import { unreadable } from '../shared/version';

const MINUTE_MS = 60_000;
const COMPARE_SLICE_MS = MINUTE_MS;
const SETTLE_SLICE_MS = MINUTE_MS;
/** An interval that is begun is read to its end, and a repair waits for the stream; heartbeats tell a live call. */
const CALL_MS = 24 * 60 * MINUTE_MS;
const HEARTBEAT_MS = 15_000;
/** A side that is away is waited for, some twenty minutes. */
const FAILURES_MAX = 45;
const CONCLUDING_MAX = 5;
const RETRY = { maxAttempts: FAILURES_MAX, initialMs: 1_000, maxMs: 30_000, multiplier: 2 };
const HISTORY_EVENTS = 2_000;

type Calls = ActivityInterfaceFor<VerificationActivities & Pick<StreamActivities, 'parse'>>;

const calls = (summary: string): Calls =>
  proxyActivities<VerificationActivities & Pick<StreamActivities, 'parse'>>({
    startToCloseTimeout: CALL_MS,
    heartbeatTimeout: HEARTBEAT_MS,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },
    summary,
  });

interface Verifying {
  spec: StreamSpec;
  readonly input: VerificationInput;
  readonly state: VerificationState;
}

const callOf = ({ spec, input, state }: Verifying): VerificationCall => ({
  spec,
  run: state.run,
  namespaces: input.namespaces ?? null,
});

async function plan(run: Verifying): Promise<VerificationPhase> {
  const { state } = run;
  if (!state.parsed) {
    run.spec = await calls('check the spec').parse(run.spec);
    state.parsed = true;
  }
  const planned = await calls('plan').planVerification(callOf(run));
  state.namespaces = planned.namespaces;
  state.notVerified = planned.notVerified;
  state.notVerifiedCount = planned.notVerifiedCount;
  state.estimatedRows = planned.estimatedRows;
  return 'compare';
}

async function compare(run: Verifying): Promise<VerificationPhase> {
  const { input, spec, state } = run;
  const rowsPerSecond = input.rowsPerSecond ?? spec.stream.verification.rows_per_second;
  const { reason, findings } = await calls('compare rows').compareRows({
    ...callOf(run),
    rowsPerSecond,
    sliceMs: COMPARE_SLICE_MS,
  });
  state.findings = findings;
  if (reason === 'done') state.compared = true;
  return reason === 'done' || reason === 'suspects' ? 'settle' : 'compare';
}

async function settle(run: Verifying): Promise<VerificationPhase> {
  const { input, state } = run;
  const { reason, findings } = await calls('recheck differences').settleDifferences({
    ...callOf(run),
    sliceMs: SETTLE_SLICE_MS,
  });
  state.findings = findings;
  if (reason !== 'done') return 'settle';
  if (!state.compared) return 'compare';
  const repair = input.repair === true && state.asked === null && sumOf(findings.damaged) > 0;
  return repair ? 'repair' : 'layout';
}

async function repair(run: Verifying): Promise<VerificationPhase> {
  const { asked, left } = await calls('ask for repairs').repairDifferences(callOf(run));
  run.state.asked = asked;
  run.state.repairsLeft = left;
  return 'settle';
}

async function layout(run: Verifying): Promise<VerificationPhase> {
  const { state } = run;
  const { notVerified, ...compared } = await calls('compare indexes and options').compareLayout(callOf(run));
  state.layout = compared;
  // Parked, or begun to be copied, since the plan was made.
  const known = new Set(state.notVerified.map(({ namespace }) => namespace));
  const added = notVerified.filter(({ namespace }) => !known.has(namespace));
  state.notVerified = [...state.notVerified, ...added];
  state.notVerifiedCount += added.length;
  return 'conclude';
}

async function conclude(run: Verifying): Promise<VerificationPhase> {
  const { state } = run;
  if (state.findings === null && !state.parsed) return end(run);
  const verdict = verdictOf(state);
  state.rows = await calls('conclude').concludeVerification({
    ...callOf(run),
    verdict,
    repaired: state.asked !== null,
  });
  return end(run);
}

function end({ state }: Verifying): VerificationPhase {
  state.verdict = verdictOf(state);
  state.endedAt = new Date().toISOString();
  return 'ended';
}

const PHASES: Readonly<Record<Exclude<VerificationPhase, 'ended'>, (run: Verifying) => Promise<VerificationPhase>>> = {
  plan,
  compare,
  settle,
  repair,
  layout,
  conclude,
};

const key = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);

function publish({ spec, input, state }: Verifying): void {
  const details = verificationDetails(viewOfVerification(input, state));
  const { continuedFromExecutionRunId, namespace } = workflowInfo();
  const isLater = continuedFromExecutionRunId !== undefined;
  setCurrentDetails(isLater ? `${details}\n\n${verificationHowTo(spec.stream.id, namespace)}` : details);
  const wanted = [
    { key: key(SEARCH_ATTRIBUTES.stream), value: spec.stream.id },
    { key: key(SEARCH_ATTRIBUTES.status), value: statusOfVerification(state) as string },
  ];
  const known = workflowInfo().typedSearchAttributes;
  const changed = wanted.filter((each) => known.get(each.key) !== each.value);
  if (changed.length > 0) upsertSearchAttributes(changed);
}

/** One call; its failure is taken in. A side that is away is waited for, anything else ends the run: it proves nothing. */
async function step(run: Verifying): Promise<void> {
  const { state } = run;
  if (state.phase === 'ended') return;
  try {
    state.phase = await PHASES[state.phase](run);
    state.failures = 0;
    if (!state.gaveUp) state.failure = null;
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { cause, info } = readFailure(error, workflowInfo().taskQueue);
    const concluding = state.phase === 'conclude';
    state.failures += 1;
    if (!state.gaveUp)
      state.failure = { ...info, message: clipFailure(info.message), remedy: clipFailure(info.remedy) };
    const passing = cause !== 'stream' || info.kind === 'retry' || info.kind === 'fenced';
    if (passing && state.failures < (concluding ? CONCLUDING_MAX : FAILURES_MAX)) {
      publish(run);
      await sleep(backOffMs(state.failures, RETRY, Math.random()));
      return;
    }
    state.failures = 0;
    state.gaveUp = true;
    // Without the destination its records cannot be closed either.
    state.phase = concluding ? end(run) : 'conclude';
  }
}

const mayContinue = (): boolean => {
  const { continueAsNewSuggested, historyLength, targetWorkerDeploymentVersionChanged } = workflowInfo();
  return continueAsNewSuggested || historyLength > HISTORY_EVENTS || targetWorkerDeploymentVersionChanged;
};

const isOpen = ({ phase }: VerificationState): boolean => phase !== 'ended';

async function go(run: Verifying): Promise<void> {
  while (isOpen(run.state)) {
    if (mayContinue())
      await makeContinueAsNewFunc<(input: VerificationInput) => Promise<VerificationView>>({
        initialVersioningBehavior: 'AUTO_UPGRADE',
      })({ ...run.input, version: INPUT_VERSION, spec: run.spec, state: run.state });
    publish(run);
    await step(run);
  }
}

/** Compares both sides of a stream while it runs. Reads, and never writes a row; `repair` asks the stream to. */
export async function verification(input: VerificationInput): Promise<VerificationView> {
  const unread = unreadable(input);
  if (unread !== null) throw failureOf(unread);
  const { firstExecutionRunId, startTime } = workflowInfo();
  const state = input.state ?? initialVerification(firstExecutionRunId, startTime.toISOString());
  const run: Verifying = { spec: input.spec, input, state };
  const description = 'How far the comparison is, and what it has found; keys are at the destination.';
  setHandler(progressQuery, () => viewOfVerification(input, state), { description });
  setHandler(verifiedSpecQuery, () => run.spec, { description: 'The configuration of the stream that is compared.' });
  try {
    await go(run);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    state.cancelled = true;
    // Stopped is an end like any other: what was found so far is told.
    await CancellationScope.nonCancellable(async () => {
      state.phase = 'conclude';
      while (isOpen(state)) await step(run);
    });
  }
  publish(run);
  return viewOfVerification(input, state);
}
