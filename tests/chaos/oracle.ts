import { waitFor } from '../../src/servers/wait';
import { unlike } from './differences';
import { drained, level } from './drained';
import { unlikeLayout, type LayoutRules } from './layout';
import type { Round } from './round-context';
import type { Versions } from './versions';
import { LATE } from './writer';

/** From the end of the faults on; with back-off, a leg that has to be given up, and all that was held up. */
const CATCH_UP_MS = 90_000;
/** Indexes are built beside the rows, so that a stream that is level may still be at it. */
const BUILD_MS = 30_000;
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
  problems.push(...(await compare(round)), ...(await laidOut(round)), ...(await letters(round)));
  await round.insist('the last pause', () => t.pause(), CATCH_UP_MS);
  problems.push(...(await drained(round)), ...(await level(round)));
  // Nothing came after the leg was said to have ended.
  if (problems.length === 0) problems.push(...(await compare(round)));
  await versions.reached('end');
  return [...problems, ...regressions(round, versions)];
}

async function compare({ t, lateFollowed }: Round): Promise<string[]> {
  const all = await unlike(t.source, t.destination, (name) => lateFollowed || name !== LATE);
  return all.length > SHOWN ? [...all.slice(0, SHOWN), `and ${all.length - SHOWN} more that differ`] : all;
}

/** Options and indexes, those aside that wait for `finalize`. */
async function laidOut(round: Round): Promise<string[]> {
  const { t, lateFollowed } = round;
  const left = leftToFinalize(round);
  round.note(`${count(round, 'collision')} collisions, left to finalize: ${[...left].join(', ') || 'nothing'}`);
  const rules: LayoutRules = {
    followed: (name) => lateFollowed || name !== LATE,
    isHeld: (index) => 'expireAfterSeconds' in index || (index['unique'] === true && round.uniqueIndexes === 'hold'),
    isExcused: (collection, index) => left.has(`${t.source.databaseName}.${collection} ${index}`),
  };
  let differences: string[] = [];
  const same = async (): Promise<true | undefined> => {
    differences = await unlikeLayout(t.source, t.destination, rules);
    return differences.length === 0 ? true : undefined;
  };
  await waitFor(same, { what: 'the same layout', timeoutMs: BUILD_MS, everyMs: 200 }).catch(() => undefined);
  return differences;
}

const count = ({ t }: Round, event: string): number => t.everyLine.filter((line) => line.includes(`"${event}"`)).length;

/** Indexes that the log says were not built, and why is of no matter here. */
function leftToFinalize({ t }: Round): ReadonlySet<string> {
  const told = t.everyLine.filter((line) => /"index_(refused|postponed)"/.test(line));
  return new Set(
    told.map((line) => {
      const { namespace, index } = JSON.parse(line) as { readonly namespace: string; readonly index: string };
      return `${namespace} ${index}`;
    }),
  );
}

/** No change of these rounds is one that a destination may refuse; a row that has waited for another is superseded. */
async function letters(round: Round): Promise<string[]> {
  const found = await round.letters();
  const open = found.filter(({ state }) => state !== 'superseded');
  return open.map(({ namespace, op, code, state }) => `a letter: ${op} of ${namespace}, ${code}, ${state}`);
}

/**
 * With rows that are read late only convergence is promised. A collection that is copied again may come back as it was:
 * these servers do not look at `collectionUUID`, so that a worker that was frozen in the middle of a drop still drops.
 */
function regressions({ plan, t }: Round, { armedAt, regressions: all }: Versions): string[] {
  if (plan.updates === 'row' || armedAt === null) return [];
  const copied = new Set(
    t.everyLine
      .filter((line) => line.includes('"backfill.begun"'))
      .map((line) => (JSON.parse(line) as { readonly namespace: string }).namespace)
      .map((namespace) => namespace.slice(t.source.databaseName.length + 1)),
  );
  return all
    .filter(({ collection, reappeared }) => !(reappeared && copied.has(collection)))
    .map(({ what }) => `went back: ${what}`);
}
