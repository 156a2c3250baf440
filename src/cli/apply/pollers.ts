import { temporal as proto } from '@temporalio/proto';
import { pumpQueue } from '../../protocol/stream-activities';
import type { Temporal } from '../temporal';

const { TASK_QUEUE_TYPE_ACTIVITY, TASK_QUEUE_TYPE_WORKFLOW } = proto.api.enums.v1.TaskQueueType;
const TIMEOUT_MS = 5_000;

/**
 * The queues of streams that no worker polls. A queue counts only where the server says so: an older server, or a login
 * that may not ask, tells nothing. The server remembers a worker for some minutes, so one that has just ended counts as polling.
 */
export async function unpolledQueues(
  temporal: Pick<Temporal, 'client' | 'namespace' | 'taskQueue'>,
): Promise<string[]> {
  const queues = [
    { name: temporal.taskQueue, type: TASK_QUEUE_TYPE_WORKFLOW },
    { name: pumpQueue(temporal.taskQueue), type: TASK_QUEUE_TYPE_ACTIVITY },
  ];
  const { client, namespace } = temporal;
  const unpolled = async ({ name, type }: (typeof queues)[number]): Promise<string[]> => {
    const asked = { namespace, taskQueue: { name }, taskQueueType: type };
    const { pollers } = await client.connection.workflowService.describeTaskQueue(asked);
    return pollers.length === 0 ? [name] : [];
  };
  const ask = () => Promise.all(queues.map((queue) => unpolled(queue).catch(() => [])));
  return (await client.withDeadline(Date.now() + TIMEOUT_MS, ask)).flat();
}
