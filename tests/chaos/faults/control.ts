import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LATE } from '../writer';
import { bite, within, type Inject } from './bite';

const NEW_RUN_TRIES = 15;
const PATIENCE_MS = 15_000;

export const pause: Inject<'pause'> = async (round, { ms }) => {
  const view = await round.insist('a pause', () => round.t.pause());
  await delay(ms);
  await round.insist('a resume', () => round.t.resume());
  return bite(view.status === 'paused', `was ${view.status} at ${view.at ?? 'no position'}`);
};

/** History grows by short legs until the server suggests a new run. */
export const continueAsNew: Inject<'continue_as_new'> = async (round) => {
  const runOf = async (): Promise<string> => (await round.t.handle.describe()).runId;
  const first = await round.insist('the run', runOf);
  let now = first;
  for (let n = 0; n < NEW_RUN_TRIES && now === first; n += 1) {
    await round.insist('a pause', () => round.t.pause());
    await round.insist('a resume', () => round.t.resume());
    await delay(100);
    now = await round.insist('the run', runOf);
  }
  return bite(now !== first, now === first ? 'the run went on' : 'a new run took over');
};

export const reconfigure: Inject<'reconfigure'> = async (round, { lanes, batchSize }) => {
  const { revision } = await round.insist('the status', () => round.t.status());
  const options = { lanes, unique_indexes: round.uniqueIndexes };
  const view = await round.reconfigure({ destination: { options }, stream: { batch_size: batchSize } });
  return bite(view.revision > revision, `${lanes} lanes and batches of ${batchSize}: revision ${view.revision}`);
};

export const addCollections: Inject<'add_collections'> = async (round) => {
  const { revision } = await round.insist('the status', () => round.t.status());
  const view = await round.reconfigure({ source: { exclude: [] } });
  round.lateFollowed = true;
  return bite(view.revision > revision, `${LATE} is followed from revision ${view.revision} on`);
};

export const jumpClock: Inject<'clock_jump'> = async (round, { offsetMs, ms }) => {
  const before = new Map(round.t.workers.map((worker) => [worker, worker.lines.length]));
  // What a worker writes carries the time that it sees.
  const shifted = (): number =>
    round.t.workers
      .flatMap((worker) => worker.lines.slice(before.get(worker) ?? 0))
      .filter((line) => {
        const time = /"time":"([^"]+)"/.exec(line)?.[1];
        return time !== undefined && Math.abs(Date.parse(time) - Date.now()) > Math.abs(offsetMs) / 2;
      }).length;
  await writeFile(round.clockFile, String(offsetMs));
  await delay(ms);
  await within(PATIENCE_MS, () => shifted() > 0);
  const lines = shifted();
  await writeFile(round.clockFile, '0');
  return bite(lines > 0, `${lines} log lines are ${offsetMs / 1000} s off`);
};
