import { defaultPayloadConverter } from '@temporalio/common';
import { loadConfig } from '../../config/load';
import type { StreamSpec } from '../../config/schema';
import { parseSpec, toSpec } from '../../config/spec';
import type { StreamInput } from '../../protocol/input';
import { workflowId } from '../../protocol/names';
import { specQuery } from '../../protocol/stream-messages';
import { CliError } from '../failure';
import type { Temporal } from '../temporal';

const TIMEOUT_MS = 10_000;
const ENDED_TIMEOUT_MS = 3_000;

/** The spec that a stream runs with. Its references to secrets are resolved where they are needed: here, on this machine. */
export async function specOf({ client, taskQueue }: Temporal, stream: string): Promise<StreamSpec> {
  const handle = client.workflow.getHandle(workflowId(stream));
  // Rejects when there is no such stream.
  await handle.describe();
  const spec = await client
    .withDeadline(Date.now() + TIMEOUT_MS, () => handle.query(specQuery))
    .catch((cause: unknown) => {
      throw new CliError(
        `no worker on task queue ${JSON.stringify(taskQueue)} tells how stream ${stream} is configured`,
        'start a worker, or name the file that configures it with -f',
        { cause },
      );
    });
  return parseSpec(spec);
}

/**
 * The spec of a stream that has ended: as a worker tells it, or, where none answers, as its last run began. That one stands in
 * Temporal itself.
 */
export async function lastSpecOf({ client, namespace }: Temporal, stream: string): Promise<StreamSpec> {
  const handle = client.workflow.getHandle(workflowId(stream));
  // Rejects when there was no such stream.
  await handle.describe();
  const spec = await client
    .withDeadline(Date.now() + ENDED_TIMEOUT_MS, () => handle.query(specQuery))
    .catch(() => null);
  if (spec !== null) return parseSpec(spec);
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId: workflowId(stream) },
    maximumPageSize: 1,
  });
  const payload = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  const input = payload == null ? undefined : defaultPayloadConverter.fromPayload<Partial<StreamInput>>(payload);
  return parseSpec(input?.spec);
}

export const specInFile = (file: string, stream: string): StreamSpec => toSpec(loadConfig(file), stream);
