import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter, WorkflowNotFoundError } from '@temporalio/common';
import type { StreamSpec } from '../../config/schema';
import { verificationHowTo } from '../../protocol/how-to';
import { INPUT_VERSION, type VerificationInput } from '../../protocol/input';
import { SEARCH_ATTRIBUTES, VERIFICATION_TYPE, verificationId, workflowId } from '../../protocol/names';
import { specQuery } from '../../protocol/stream-messages';
import { progressQuery, verifiedSpecQuery, type VerificationView } from '../../protocol/verification-messages';
import { Outage } from '../outage';
import { CliError, EXIT, type ExitStatus } from '../failure';
import type { Temporal } from '../temporal';

const QUERY_TIMEOUT_MS = 5_000;
const POLL_MS = 500;
/** A description and a query, one after the other. */
const READ_TIMEOUT_MS = 2 * QUERY_TIMEOUT_MS;

export interface VerifyOptions {
  readonly repair: boolean;
  /** All that the stream follows when null. */
  readonly namespaces: readonly string[] | null;
  /** The spec's when null. */
  readonly rowsPerSecond: number | null;
}

/** What the running call last told: rows that it has read, and how fast. */
export interface Live {
  readonly verified: number;
  readonly rowsPerSecond: number;
}

export interface Begun {
  readonly workflow: string;
  /** One was running already; what was asked for now does not count. */
  readonly joined: boolean;
}

const isRunning = ({ status }: { readonly status: { readonly name: string } }): boolean =>
  status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';

/** What the stream is compared by; also of one that has ended, as long as Temporal knows it and a worker answers. */
async function specOf({ client, taskQueue }: Temporal, stream: string): Promise<StreamSpec> {
  const handle = client.workflow.getHandle(workflowId(stream));
  return client
    .withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query(specQuery))
    .catch((cause: unknown) => {
      if (cause instanceof WorkflowNotFoundError) throw cause;
      throw new CliError(
        `no worker answers for stream ${stream} on task queue ${JSON.stringify(taskQueue)}`,
        'start one with `tributary worker`',
        { cause },
      );
    });
}

export async function begin(temporal: Temporal, stream: string, options: VerifyOptions): Promise<Begun> {
  const { client, taskQueue, namespace } = temporal;
  const running = await latest(temporal, stream);
  if (running !== null && isRunning(running)) return { workflow: running.workflowId, joined: true };
  const input: VerificationInput = { version: INPUT_VERSION, spec: await specOf(temporal, stream), ...options };
  const id = verificationId(stream);
  await client.workflow.start(VERIFICATION_TYPE, {
    workflowId: id,
    taskQueue,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `verification of ${stream}`,
    staticDetails: verificationHowTo(stream, namespace),
  });
  return { workflow: id, joined: false };
}

/** The verification of a stream that runs, or the one that began last, by hand or by the schedule. */
export async function latest({ client }: Temporal, stream: string): Promise<WorkflowExecutionDescription | null> {
  const describe = (id: string): Promise<WorkflowExecutionDescription | null> =>
    client.workflow
      .getHandle(id)
      .describe()
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      });
  const found = [await describe(verificationId(stream))];
  const query = `WorkflowType = "${VERIFICATION_TYPE}" AND ${SEARCH_ATTRIBUTES.stream} = "${stream}"`;
  for await (const { workflowId: id } of client.workflow.list({ query })) {
    if (found.some((known) => known?.workflowId === id)) continue;
    found.push(await describe(id));
    // The newest come first.
    if (found.length > 3) break;
  }
  const known = found.filter((each) => each !== null);
  return known.find(isRunning) ?? known.sort((a, b) => b.startTime.getTime() - a.startTime.getTime())[0] ?? null;
}

export const noVerification = (stream: string): CliError =>
  new CliError(`stream ${stream} was not verified yet`, `verify it with \`tributary verify ${stream}\``);

/** Null while no worker answers. */
export const viewOf = ({ client }: Temporal, handle: WorkflowHandle): Promise<VerificationView | null> =>
  client
    .withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query(progressQuery))
    .catch((error: unknown) => {
      if (error instanceof WorkflowNotFoundError) throw error;
      return null;
    });

function liveOf({ raw }: WorkflowExecutionDescription): Live | null {
  for (const { heartbeatDetails } of raw.pendingActivities ?? []) {
    const payload = heartbeatDetails?.payloads?.[0];
    const details: unknown = payload == null ? null : defaultPayloadConverter.fromPayload(payload);
    if (typeof details === 'object' && details !== null && 'verified' in details) return details as Live;
  }
  return null;
}

export interface Following {
  /** Told: how far it is. */
  readonly tell: (view: VerificationView, live: Live | null) => void;
  /** Told: that Temporal is away, and that it is back. */
  readonly say: (line: string) => void;
}

/** Tells how far it is until it has ended; null when the signal came first. */
export async function follow(
  temporal: Temporal,
  workflow: string,
  { tell, say }: Following,
  signal: AbortSignal,
): Promise<VerificationView | null> {
  const outage = new Outage(temporal, { say });
  const read = async (at: Temporal): Promise<VerificationView | null> => {
    const handle = at.client.workflow.getHandle(workflow);
    const description = await handle.describe();
    if (!isRunning(description)) return (await handle.result()) as VerificationView;
    const view = await viewOf(at, handle);
    if (view !== null) tell(view, liveOf(description));
    return null;
  };
  try {
    for (;;) {
      const ended = await outage.answer(read, signal, READ_TIMEOUT_MS);
      if (ended !== null) return ended;
      await delay(POLL_MS, undefined, { signal });
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/** The spec that a verification has compared by. */
export const comparedBy = ({ client }: Temporal, workflow: string): Promise<StreamSpec> =>
  client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
    client.workflow.getHandle(workflow).query(verifiedSpecQuery),
  );

export function exitOf({ verdict }: VerificationView): ExitStatus {
  switch (verdict) {
    case 'identical':
    case null:
      return EXIT.done;
    case 'different':
      return EXIT.failed;
    case 'incomplete':
      return EXIT.usage;
  }
}
