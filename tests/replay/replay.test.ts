import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';

import { REPLAY_TYPE, VERIFICATION_TYPE, WORKFLOW_TYPE } from '../../src/workflows/names';
import { fromJson } from './history';
import { sinks } from '../support/sinks';

const DIRECTORY = join(__dirname, 'histories');
const histories = readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'));

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  workflowBundle = await bundleWorkflowCode({ workflowsPath: require.resolve('../../src/workflows'), logger });
});

const read = (name: string) => fromJson(readFileSync(join(DIRECTORY, name), 'utf8'));

test('there are histories of every workflow, of its start and of its ends', () => {
  const ends = histories.map((name) => {
    const { events } = read(name);
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    const { eventType } = events?.at(-1) ?? {};
    return `${started?.workflowType?.name} ${temporal.api.enums.v1.EventType[eventType ?? 0]}`;
  });
  const ended = (type: string, ...how: string[]) => how.map((each) => `${type} EVENT_TYPE_WORKFLOW_EXECUTION_${each}`);
  expect([...new Set(ends)].sort()).toEqual(
    [
      ...ended(WORKFLOW_TYPE, 'COMPLETED', 'CONTINUED_AS_NEW'),
      ...ended(VERIFICATION_TYPE, 'COMPLETED', 'CONTINUED_AS_NEW'),
      ...ended(REPLAY_TYPE, 'COMPLETED', 'CANCELED', 'FAILED'),
    ].sort(),
  );
});

test.each(histories)('%s replays against the current code', async (name) => {
  await Worker.runReplayHistory({ workflowBundle, sinks }, read(name), 'tributary/replayed');
});

test('a history that does not fit is told from one that does', async () => {
  const text = readFileSync(join(DIRECTORY, '0.1.0-copied-paused-finalized.json'), 'utf8').replaceAll(
    '"name": "prepare"',
    '"name": "another"',
  );
  await expect(Worker.runReplayHistory({ workflowBundle, sinks }, fromJson(text), 'tributary/x')).rejects.toThrow();
});
