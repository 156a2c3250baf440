import { lineOf } from './report';
import { playAll } from './session';

/** Each part plays as many rounds as fit into its time, from a seed of its own; some hundred even on a slow machine. */
const PART_MS = 10_000;
const FEWEST = 200;
const PARTS = [1, 100_001, 200_001, 300_001];

it.each(PARTS)('keeps every promise in the rounds from seed %i on', async (seed) => {
  const until = Date.now() + PART_MS;
  const { failures } = await playAll({
    seed,
    shrinks: true,
    goesOn: (played, failed) => failed.length === 0 && (played < FEWEST || Date.now() < until),
  });
  expect(failures.map((failure) => lineOf(failure))).toEqual([]);
});

it('plays the same round for the same seed', async () => {
  const [first, second] = [await playAll(once(7)), await playAll(once(7))];
  expect([...first.stats.counts]).toEqual([...second.stats.counts]);
});

const once = (seed: number) => ({ seed, shrinks: false, goesOn: (played: number) => played < 1 });
