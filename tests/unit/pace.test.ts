import { parseConfig } from '../../src/config/load';
import { batchSizeOf, copyBatchSizeOf, paceAt } from '../../src/config/values/pace';
import { ConfigError } from '../../src/config/checks/problem';
import { streamSchema, type StreamConfig } from '../../src/config/schema';

const stream = (limits: object, more: object = {}): StreamConfig =>
  streamSchema.parse({
    id: 'orders',
    source: { type: 'mongodb', connection_string: 'mongodb://source', database: 'shop' },
    destination: { type: 'mongodb', connection_string: 'mongodb://target' },
    limits,
    ...more,
  });

const eventsAt = (limits: object, at: string): number => paceAt(stream(limits).limits, new Date(at)).eventsPerSecond;

// 2026-03-02 is a Monday.
describe('hours with limits of their own', () => {
  const office = {
    events_per_second: 5000,
    hours: [
      { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00', events_per_second: 500 },
      { days: ['fri'], from: '22:00', to: '06:00' },
    ],
  };

  test.each([
    ['2026-03-02T07:59:59Z', 5000, 'before'],
    ['2026-03-02T08:00:00Z', 500, 'from the first minute'],
    ['2026-03-02T17:59:59Z', 500, 'to the last'],
    ['2026-03-02T18:00:00Z', 5000, 'after'],
    ['2026-03-07T12:00:00Z', 5000, 'not on a Saturday'],
    ['2026-03-06T23:00:00Z', 0, 'without a limit on Friday night'],
    ['2026-03-07T05:59:00Z', 0, 'which goes on on Saturday morning'],
    ['2026-03-07T06:00:00Z', 5000, 'and ends there'],
    ['2026-03-06T05:00:00Z', 5000, 'Friday morning is no part of it'],
  ])('%s: %d (%s)', (at, events) => {
    expect(eventsAt(office, at)).toBe(events);
  });

  test('are those of the time zone, its summer time included', () => {
    const zurich = { time_zone: 'Europe/Zurich', hours: [{ from: '08:00', to: '18:00', events_per_second: 1 }] };
    expect(eventsAt(zurich, '2026-01-15T07:00:00Z')).toBe(1);
    expect(eventsAt(zurich, '2026-01-15T06:59:00Z')).toBe(0);
    expect(eventsAt(zurich, '2026-07-15T06:00:00Z')).toBe(1);
  });

  test('the first that cover a moment hold', () => {
    const hours = [1, 2].map((events_per_second) => ({ from: '00:00', to: '00:00', events_per_second }));
    expect(eventsAt({ hours }, '2026-03-02T12:00:00Z')).toBe(1);
  });
});

test('a batch holds no more than the slowest pace lets through in a second', () => {
  expect(batchSizeOf(stream({}))).toBe(1000);
  expect(batchSizeOf(stream({ events_per_second: 5000 }))).toBe(1000);
  const hours = [{ from: '08:00', to: '18:00', events_per_second: 20 }];
  expect(batchSizeOf(stream({ events_per_second: 500, hours }))).toBe(20);
  expect(batchSizeOf(stream({ hours: [{ from: '08:00', to: '18:00' }] }, { batch_size: 50 }))).toBe(50);
  expect(copyBatchSizeOf(stream({}, { batch_size: 50 }))).toBe(500);
  expect(copyBatchSizeOf(stream({ events_per_second: 300 }))).toBe(300);
  expect(copyBatchSizeOf(stream({ bytes_per_second: 1_000_000 }))).toBe(1_000);
});

test('what is no time, no day and no time zone is refused at its place', () => {
  const text = `
version: '1'
streams:
  - id: orders
    source: { type: mongodb, connection_string: 'mongodb://source', database: shop }
    destination: { type: mongodb, connection_string: 'mongodb://target' }
    limits:
      time_zone: Europe/Zurih
      hours: [{ days: [monday], from: '8:00', to: '24:00' }]
`;
  const paths = (): readonly string[] => {
    try {
      parseConfig(text);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map(({ path }) => path);
    }
    return [];
  };
  expect(paths()).toEqual(
    ['time_zone', 'hours[0].days[0]', 'hours[0].from', 'hours[0].to'].map((key) => `streams[0].limits.${key}`),
  );
});
