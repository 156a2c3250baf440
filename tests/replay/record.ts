import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { workflowId } from '../../src/protocol/names';
import { specOf, Theatre } from '../integration/workflow-context';
import { toJson, type History } from './history';
import { SCENARIOS, type Scenario } from './scenarios';
import { acted, BESIDE, type BesideScenario } from './scenarios-beside';

/** The server suggests a new run after so many events: fewer than the long lives have, more than all others. */
const RUN_EVENTS = 120;

type Play = (theatre: Theatre, name: string) => Promise<readonly History[]>;

/** The histories of all runs of a workflow, the first one first. */
async function runsOf(client: Client, id: string): Promise<readonly History[]> {
  const histories: History[] = [];
  let runId = (await client.workflow.getHandle(id).describe()).raw.workflowExecutionInfo?.firstRunId ?? undefined;
  while (runId !== undefined) {
    const history = await client.workflow.getHandle(id, runId).fetchHistory();
    histories.push(history);
    const last = history.events?.at(-1);
    runId = last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return histories;
}

const ofStream =
  ({ script, play, spec }: Scenario): Play =>
  async (theatre, name) => {
    await using stage = await theatre.stage({ script: script(), id: name, ...(spec && { spec }) });
    await play(stage);
    return await runsOf(theatre.client, workflowId(name));
  };

const besideStream =
  ({ type, input, acts, play }: BesideScenario): Play =>
  async (theatre, name) => {
    const taskQueue = `test-${name}`;
    const { activities, begun } = acted(acts);
    await using _worker = await theatre.work(taskQueue, activities, null);
    const args = [{ spec: specOf('recorded'), ...input }];
    await play(await theatre.client.workflow.start(type, { workflowId: name, taskQueue, args }), begun);
    return await runsOf(theatre.client, name);
  };

const named = <T>(scenarios: Readonly<Record<string, T>>, player: (scenario: T) => Play): [string, Play][] =>
  Object.entries(scenarios).map(([name, scenario]) => [name, player(scenario)]);

const PLAYS = [...named(SCENARIOS, ofStream), ...named(BESIDE, besideStream)];

/**
 * Writes the histories that the replay test replays: `node -r @swc-node/register tests/replay/record.ts LABEL [NAME…]`.
 * Record the code that is released, under a new label, and keep the old ones for as long as runs of that age may live.
 */
async function record(label: string, names: readonly string[]): Promise<void> {
  await using theatre = await Theatre.open({ 'limit.historyCount.suggestContinueAsNew': RUN_EVENTS });
  for (const [name, play] of PLAYS) {
    if (names.length > 0 && !names.includes(name)) continue;
    for (const [at, history] of (await play(theatre, name)).entries()) {
      const run = at === 0 ? '' : `-run-${at + 1}`;
      const file = join(__dirname, 'histories', `${label}-${name}${run}.json`);
      const json = JSON.stringify(toJson(history), null, 1);
      // Stack traces tell where a file lies in the project, not where the project lies.
      await writeFile(file, `${json.replaceAll(`${process.cwd()}/`, '')}\n`);
      process.stdout.write(`${file}\n`);
    }
  }
}

const [, , label, ...names] = process.argv;
if (label === undefined)
  throw new Error('usage: record.ts LABEL [NAME…]; a label is the version whose code is recorded');
void record(label, names);
