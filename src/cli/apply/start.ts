import type { WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { StreamSpec } from '../../config/schema';
import { streamHowTo } from '../../protocol/how-to';
import { INPUT_VERSION, type StreamInput } from '../../protocol/input';
import { SEARCH_ATTRIBUTES, TASK_QUEUE, workflowId } from '../../protocol/names';

/** What a worker that dies or freezes holds of a workflow is given to another one after this long; a task takes milliseconds. */
const WORKFLOW_TASK_TIMEOUT_MS = 5_000;

type Start = WorkflowStartOptions<(input: StreamInput) => Promise<unknown>>;

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);

/** How the workflow of a stream is started: `client.workflow.start(WORKFLOW_TYPE, startOptions(spec))`. A stream that runs is left alone. */
export function startOptions(spec: StreamSpec, taskQueue: string = TASK_QUEUE, namespace?: string): Start {
  const { id, name, source, destination } = spec.stream;
  return {
    workflowId: workflowId(id),
    taskQueue,
    args: [{ version: INPUT_VERSION, spec }],
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT_MS,
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `${name ?? id}: ${source.type} to ${destination.type}`,
    staticDetails: streamHowTo(id, namespace),
    typedSearchAttributes: [
      { key: keyword(SEARCH_ATTRIBUTES.stream), value: id },
      { key: keyword(SEARCH_ATTRIBUTES.status), value: 'preparing' },
      { key: keyword(SEARCH_ATTRIBUTES.source), value: source.type },
      { key: keyword(SEARCH_ATTRIBUTES.destination), value: destination.type },
    ],
  };
}
