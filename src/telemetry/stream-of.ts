import { workflowId } from '../protocol/names';

const PREFIX = workflowId('');

/** The stream that a workflow id stands for, if it is one of ours. */
export const streamOf = (id: string): string | undefined =>
  id.startsWith(PREFIX) ? id.slice(PREFIX.length) : undefined;
