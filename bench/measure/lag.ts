import type { Contender } from '../contenders/contender';
import type { Writer } from '../lab/writer';
import type { Pace } from '../load/pace';
import { Arrivals } from './arrivals';

/** The first second warms up and is not counted. */
const WARM_UP_SECONDS = 1;
const PATIENCE_MS = 120_000;

/** From the sending of each write at the source to its event in a change stream of the target, in ms. */
export async function measureLag(
  contender: Contender,
  writer: Writer,
  pace: Pick<Pace, 'perSecond' | 'prefix'> & { readonly seconds: number },
): Promise<number[]> {
  const { perSecond, prefix } = pace;
  await using arrivals = await Arrivals.watch(contender.target);
  const databases = [contender.source.databaseName];
  const written = await writer.pace({ databases, perSecond, prefix, seconds: pace.seconds + WARM_UP_SECONDS });
  if (!(await arrivals.reached(written, PATIENCE_MS))) {
    throw new Error(`${contender.name}: ${written - arrivals.all.length} of ${written} writes did not arrive`);
  }
  const first = arrivals.all.reduce((earliest, { sent }) => Math.min(earliest, sent), Infinity);
  const from = first + WARM_UP_SECONDS * 1000;
  return arrivals.all.filter(({ sent }) => sent >= from).map(({ sent, at }) => at - sent);
}
