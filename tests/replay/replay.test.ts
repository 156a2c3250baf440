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

import { REPLAY_TYPE, VERIFICATION_TYPE, WORKFLOW_TYPE } from '../../src/protocol/names';
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

/** The ids of the patches whose new side a history has gone through. */
const patchesIn = (name: string): string[] =>
  (read(name).events ?? []).flatMap(({ markerRecordedEventAttributes: marker }) => {
    if (marker?.markerName !== 'core_patch') return [];
    const data = marker.details?.['patch-data']?.payloads?.[0]?.data;
    return [(JSON.parse(Buffer.from(data ?? []).toString()) as { id: string }).id];
  });

test('there is a history of every patch: with its marker, and without', () => {
  const workflows = join(__dirname, '..', '..', 'src', 'workflows');
  const files = readdirSync(workflows, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const inCode = files.flatMap((file) =>
    Array.from(readFileSync(join(workflows, file), 'utf8').matchAll(/patched\('([^']+)'\)/gu), ([, id = '']) => id),
  );
  const recorded = histories.map(patchesIn);
  expect(inCode.length).toBeGreaterThan(0);
  for (const id of inCode) {
    expect({ id, recorded: recorded.some((ids) => ids.includes(id)) }).toEqual({ id, recorded: true });
    expect(recorded.some((ids) => !ids.includes(id))).toBe(true);
  }
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
