import { setTimeout as sleep } from 'node:timers/promises';
import ms, { type StringValue } from 'ms';
import { streamSchema } from '../../src/config/schema';
import type { Scope } from '../lab/scope';
import { writer } from '../lab/writer';
import { PACED } from '../load/pace';
import { historyCost } from '../measure/history';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';

const DAY_SECONDS = 86_400;
const BUSY_PER_SECOND = 500;
const HEARTBEATS = { name: 'temporal_request_total', having: 'operation="RecordActivityTaskHeartbeat"' };

export const temporalCost: Suite = {
  name: 'temporal-cost',
  about: 'history events and actions per day of an idle and of a busy stream, at default settings',
  method:
    'An idle stream and one that gets 500 writes/s, each with a worker of its own, for ten minutes. Legs are short at first and grow up to `advanced.slice`: the cost of a day is what one leg cost in the history, for as many full legs as a day has. Actions are what Temporal Cloud bills; heartbeats are counted by the worker and extrapolated over time, and so are the signals by which a leg in which something moves tells how far it is (one in `advanced.status_interval`).',
  once: true,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const seconds = sizes.seconds(600, 6);
    const [idle, busy] = [await follow(scope), await follow(scope)];
    const write = await writer(scope);
    const pace = { databases: [busy.stream.settings.database], perSecond: BUSY_PER_SECOND, prefix: 'busy' };
    const started = performance.now();
    const before = await Promise.all([idle.heartbeats(), busy.heartbeats()]);
    await Promise.all([write.pace({ ...pace, seconds }), sleep(seconds * 1000)]);
    const legsPerDay = (DAY_SECONDS * 1000) / ms(streamSchema.shape.advanced.parse({}).slice as StringValue);
    for (const [index, { name, stream, heartbeats }] of [
      { name: 'idle stream', ...idle },
      { name: 'busy stream', ...busy },
    ].entries()) {
      const beats = (await heartbeats()) - (before[index] ?? 0);
      const windowSeconds = (performance.now() - started) / 1000;
      const beatsPerDay = (beats / windowSeconds) * DAY_SECONDS;
      const cost = await historyCost(stream);
      const signalsPerDay = (cost.signals / windowSeconds) * DAY_SECONDS;
      figures
        .add(name, 'history events a day', 'count', cost.eventsPerLeg * legsPerDay)
        .add(name, 'history events a day for a fresh status', 'count', signalsPerDay * cost.eventsPerSignal)
        .add(name, 'actions a day without heartbeats', 'count', cost.actionsPerLeg * legsPerDay)
        .add(name, 'actions a day for a fresh status', 'count', signalsPerDay)
        .add(name, 'heartbeats a day', 'count', beatsPerDay)
        .add(name, 'history events of a leg', 'count', cost.eventsPerLeg)
        .add(name, 'legs in the window', 'count', cost.legs)
        .add(name, 'history events in the window, start included', 'count', cost.events);
    }
    return {
      figures: figures.all,
      aims: { 'history events a day': '≤ 1,000' },
      notes: [`a window of ${Math.round(seconds)} s`],
    };
  },
};

async function follow(scope: Scope) {
  const database = scope.unique('stream');
  await scope.servers.source.db(database).createCollection(PACED);
  const worker = await scope.worker();
  const stream = await scope.start({ id: database, queue: worker.queue, database });
  await stream.replicating(200);
  return { stream, heartbeats: () => worker.metric(HEARTBEATS.name, HEARTBEATS.having) };
}
