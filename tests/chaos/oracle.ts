import { unlike } from './differences';
import { drained, level } from './drained';
import type { Round } from './round-context';
import type { Versions } from './versions';
import { LATE } from './writer';

/** From the end of the faults on; with back-off, a leg that has to be given up, and all that was held up. */
const CATCH_UP_MS = 90_000;
const SHOWN = 20;

/** The writers have stopped and nothing is in the way: everything has to come to the same. Answers what is wrong. */
export async function judge(round: Round, versions: Versions): Promise<string[]> {
  const { t } = round;
  const problems = t.workers
    .filter(({ ending }) => ending !== undefined)
    .map(({ pid, ending }) => `worker ${pid} ended by itself: ${String(ending)}`);
  try {
    await round.insist('catching up', () => t.caughtUp(CATCH_UP_MS).then(() => true), CATCH_UP_MS);
  } catch (error) {
    return [...problems, error instanceof Error ? error.message : String(error)];
  }
  problems.push(...(await compare(round)));
  const view = await round.insist('the last pause', () => t.pause(), CATCH_UP_MS);
  problems.push(...(await drained(round, view)), ...(await level(round)));
  // Nothing came after the leg was said to have ended.
  if (problems.length === 0) problems.push(...(await compare(round)));
  await versions.reached('end');
  return [...problems, ...regressions(round, versions)];
}

async function compare({ t, lateFollowed }: Round): Promise<string[]> {
  const all = await unlike(t.source, t.destination, (name) => lateFollowed || name !== LATE);
  return all.length > SHOWN ? [...all.slice(0, SHOWN), `and ${all.length - SHOWN} more that differ`] : all;
}

/**
 * With rows that are read late only convergence is promised. A collection that is copied again may come back as it was:
 * these servers do not look at `collectionUUID`, so that a worker that was frozen in the middle of a drop still drops.
 */
function regressions({ plan, t }: Round, { armedAt, regressions: all }: Versions): string[] {
  if (plan.updates === 'row' || armedAt === null) return [];
  const copied = new Set(
    t.everyLine
      .filter((line) => line.includes('"inline_copy.begun"'))
      .map((line) => (JSON.parse(line) as { readonly namespace: string }).namespace)
      .map((namespace) => namespace.slice(t.source.databaseName.length + 1)),
  );
  return all
    .filter(({ collection, reappeared }) => !(reappeared && copied.has(collection)))
    .map(({ what }) => `went back: ${what}`);
}
