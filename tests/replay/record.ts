import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Theatre } from '../integration/workflow-context';
import { toJson } from './history';
import { SCENARIOS } from './scenarios';

/**
 * Writes the histories that the replay test replays: `node -r @swc-node/register tests/replay/record.ts NAME`.
 * Record the code that is released, under a new name, and keep the old ones for as long as runs of that age may live.
 */
async function record(label: string): Promise<void> {
  await using theatre = await Theatre.open();
  for (const [name, { script, play }] of Object.entries(SCENARIOS)) {
    await using stage = await theatre.stage({ script: script(), id: name });
    await play(stage);
    const file = join(__dirname, 'histories', `${label}-${name}.json`);
    const history = JSON.stringify(toJson(await stage.handle.fetchHistory()), null, 1);
    // Stack traces tell where a file lies in the project, not where the project lies.
    await writeFile(file, `${history.replaceAll(`${process.cwd()}/`, '')}\n`);
    process.stdout.write(`${file}\n`);
  }
}

const [, , label] = process.argv;
if (label === undefined) throw new Error('usage: record.ts LABEL, such as the version whose code is recorded');
void record(label);
