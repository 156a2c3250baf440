/** The workflow type, as `temporal workflow start --type` takes it. */
export const WORKFLOW_TYPE = 'replicationStream';

/** Where stream workflows and their short control activities run; `TRIBUTARY_TASK_QUEUE` overrides it in worker and starter. */
export const TASK_QUEUE = 'tributary';

export const workflowId = (stream: string): string => `tributary/${stream}`;

/** Compares both sides of a stream. What a schedule starts has the time behind its id. */
export const VERIFICATION_TYPE = 'verification';

export const verificationId = (stream: string): string => `tributary-verify/${stream}`;

/** Has the dead letters of a stream tried again while the stream goes on; one replay at a time. */
export const REPLAY_TYPE = 'replayDeadLetters';

export const replayId = (stream: string): string => `tributary-replay/${stream}`;

/** Search attributes, all of type Keyword; set only on change. */
export const SEARCH_ATTRIBUTES = {
  stream: 'TributaryStream',
  status: 'TributaryStatus',
  source: 'TributarySource',
  destination: 'TributaryDestination',
} as const;
