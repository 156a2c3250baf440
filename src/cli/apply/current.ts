import { WorkflowNotFoundError } from '@temporalio/common';
import { ConfigError } from '../../config/checks/problem';
import { parseSpec } from '../../config/spec';
import { workflowId } from '../../protocol/names';
import { specQuery, statusQuery } from '../../protocol/stream-messages';
import { CliError } from '../failure';
import type { Temporal } from '../temporal';
import type { Current } from './plan';

const TIMEOUT_MS = 10_000;

/** A stream that runs, as it was when it was compared with the file. */
export interface Running {
  readonly spec: Exclude<Current, null>;
  /** What `spec` is at, or an older one: what is put in force between the two questions is then told, too. */
  readonly revision: number;
  /** Of the workflow that answered: another one of the same name is another stream. */
  readonly firstRunId: string;
}

/** What runs under this id now; null where nothing does. */
export async function running({ client, taskQueue }: Temporal, stream: string): Promise<Running | null> {
  const handle = client.workflow.getHandle(workflowId(stream));
  let firstRunId: string;
  try {
    const { status, runId, raw } = await handle.describe();
    if (status.name !== 'RUNNING' && status.name !== 'CONTINUED_AS_NEW') return null;
    firstRunId = raw.workflowExecutionInfo?.firstRunId ?? runId;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
  return client
    .withDeadline(Date.now() + TIMEOUT_MS, async () => {
      const { revision } = await handle.query(statusQuery);
      return { revision, spec: readable(await handle.query(specQuery)), firstRunId };
    })
    .catch((cause: unknown) => {
      throw new CliError(
        `stream ${stream} runs, but no worker answers on task queue ${JSON.stringify(taskQueue)}: it cannot be compared with the file`,
        'start a worker with `tributary worker`',
        { cause },
      );
    });
}

/** Input that a person gave by hand has neither defaults nor, where it is wrong, a meaning. */
function readable(spec: unknown): Running['spec'] {
  try {
    return parseSpec(spec);
  } catch (error) {
    if (error instanceof ConfigError) return 'unreadable';
    throw error;
  }
}
