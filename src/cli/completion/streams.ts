import { WORKFLOW_TYPE, workflowId } from '../../protocol/names';
import { connectTemporal, type TemporalTarget } from '../temporal';

/** A person waits for the key that was pressed. */
const PATIENCE_MS = 1_000;
const PREFIX = workflowId('');

/** Ids of streams that Temporal knows; none when it does not answer at once. */
export async function streamIds(target: TemporalTarget): Promise<readonly string[]> {
  try {
    await using temporal = await connectTemporal({ ...target, timeoutMs: PATIENCE_MS });
    const { client } = temporal;
    const ids = new Set<string>();
    await client.withDeadline(Date.now() + PATIENCE_MS, async () => {
      for await (const { workflowId: id } of client.workflow.list({ query: `WorkflowType = "${WORKFLOW_TYPE}"` }))
        if (id.startsWith(PREFIX)) ids.add(id.slice(PREFIX.length));
    });
    return [...ids].sort();
  } catch {
    return [];
  }
}
