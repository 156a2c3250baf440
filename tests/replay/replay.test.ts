import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';

import { fromJson } from './history';

const DIRECTORY = join(__dirname, 'histories');
const histories = readdirSync(DIRECTORY).filter((name) => name.endsWith('.json'));

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  workflowBundle = await bundleWorkflowCode({ workflowsPath: require.resolve('../../src/workflows'), logger });
});

test('there are histories', () => {
  expect(histories.length).toBeGreaterThanOrEqual(3);
});

test.each(histories)('%s replays against the current code', async (name) => {
  const history = fromJson(readFileSync(join(DIRECTORY, name), 'utf8'));
  await Worker.runReplayHistory({ workflowBundle }, history, 'tributary/replayed');
});

test('a history that does not fit is told from one that does', async () => {
  const [first = ''] = histories;
  const text = readFileSync(join(DIRECTORY, first), 'utf8').replaceAll('"name": "prepare"', '"name": "another"');
  await expect(Worker.runReplayHistory({ workflowBundle }, fromJson(text), 'tributary/x')).rejects.toThrow();
});
