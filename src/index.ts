/**
 * What programs may import: read a configuration, start a stream through a Temporal client, ask it and command it.
 * Names that are not here may change in any version.
 */
export { loadConfig, parseConfig } from './config/load';
export { parseSpec, toSpec } from './config/spec';
export { ConfigError, type Problem } from './config/checks/problem';
export type {
  Config,
  DestinationConfig,
  SourceConfig,
  StreamConfig,
  StreamSpec,
  StreamSpecInput,
} from './config/schema';

export { startOptions } from './cli/apply/start';
export { SEARCH_ATTRIBUTES, TASK_QUEUE, WORKFLOW_TYPE, workflowId } from './protocol/names';
export type { StreamInput } from './protocol/input';
export type { StreamStatus } from './protocol/stream-state';

export {
  catchUpUpdate,
  finalizeUpdate,
  pauseUpdate,
  reconfigureUpdate,
  restartUpdate,
  resumeNamespaceUpdate,
  resumeUpdate,
  specQuery,
  statusQuery,
  stopUpdate,
  type CaughtUp,
  type FinalizeReport,
  type ResumeOptions,
} from './protocol/stream-messages';
export type { StreamView } from './protocol/stream-view';
