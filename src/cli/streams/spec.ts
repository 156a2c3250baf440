import { loadConfig } from '../../config/load';
import type { StreamSpec } from '../../config/schema';
import { parseSpec, toSpec } from '../../config/spec';
import { specQuery } from '../../workflows/messages';
import { workflowId } from '../../workflows/names';
import { CliError } from '../failure';
import type { Temporal } from '../temporal';

const TIMEOUT_MS = 10_000;

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

export const specInFile = (file: string, stream: string): StreamSpec => toSpec(loadConfig(file), stream);
