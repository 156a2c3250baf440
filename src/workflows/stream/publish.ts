import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { streamHowTo } from '../../protocol/how-to';
import { SEARCH_ATTRIBUTES } from '../../protocol/names';
import { detailsOf } from './details';
import type { Run } from './run';
import { statusOf, streamId, viewOf } from './view';

const key = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
const KEYS = {
  stream: key(SEARCH_ATTRIBUTES.stream),
  status: key(SEARCH_ATTRIBUTES.status),
  source: key(SEARCH_ATTRIBUTES.source),
  destination: key(SEARCH_ATTRIBUTES.destination),
};

/** Shows the stream's state in the web UI. Details cost no history event; search attributes do, so only on change. */
export function publish(run: Run): void {
  const details = detailsOf(viewOf(run));
  const { continuedFromExecutionRunId, namespace } = workflowInfo();
  // Static details belong to the first run alone, and most people open a later one.
  const isLater = continuedFromExecutionRunId !== undefined;
  setCurrentDetails(isLater ? `${details}\n\n${streamHowTo(streamId(run), namespace)}` : details);
  const wanted = [
    { key: KEYS.stream, value: streamId(run) },
    { key: KEYS.status, value: statusOf(run) as string },
  ];
  if (run.state.parsed) {
    const { source, destination } = run.spec.stream;
    wanted.push({ key: KEYS.source, value: source.type }, { key: KEYS.destination, value: destination.type });
  }
  const known = workflowInfo().typedSearchAttributes;
  const changed = wanted.filter(({ key, value }) => known.get(key) !== value);
  if (changed.length > 0) upsertSearchAttributes(changed);
}
