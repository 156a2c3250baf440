import type { Pace } from '../../core/write/limiter';
import type { StreamConfig } from '../schema';
import { WEEKDAYS, type Weekday } from './week';

type Limits = StreamConfig['limits'];
type Hours = Limits['hours'][number];

const MINUTES_A_DAY = 24 * 60;

const minuteOf = (text: string): number => {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  return hours * 60 + minutes;
};

function localTime(at: Date, timeZone: string): { readonly day: number; readonly minute: number } {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const day = WEEKDAYS.indexOf((parts['weekday'] ?? '').toLowerCase() as Weekday);
  return { day, minute: Number(parts['hour']) * 60 + Number(parts['minute']) };
}

/** Hours that end the next morning belong to the day on which they begin; equal ends are the whole day. */
function covers({ days, from, to }: Hours, day: number, minute: number): boolean {
  const on = (which: number): boolean => days === undefined || days.includes(WEEKDAYS[(which + 7) % 7] as Weekday);
  const begin = minuteOf(from);
  const end = begin < minuteOf(to) ? minuteOf(to) : minuteOf(to) + MINUTES_A_DAY;
  return (on(day) && minute >= begin && minute < end) || (on(day - 1) && minute + MINUTES_A_DAY < end);
}

const paceOf = (of: Limits | Hours): Pace => ({
  eventsPerSecond: of.events_per_second,
  bytesPerSecond: of.bytes_per_second,
});

/** The pace at a time: that of the first of the hours which cover it, or else the one that always holds. */
export function paceAt(limits: Limits, at: Date): Pace {
  if (limits.hours.length === 0) return paceOf(limits);
  const { day, minute } = localTime(at, limits.time_zone);
  return paceOf(limits.hours.find((hours) => covers(hours, day, minute)) ?? limits);
}

/** No more than the slowest pace lets through in a second, so that it is an even one. */
function evenly(size: number, { limits }: StreamConfig): number {
  const paces = [limits, ...limits.hours].map((each) => each.events_per_second).filter((events) => events > 0);
  return Math.min(size, ...paces);
}

/** Changes in a batch at most. */
export const batchSizeOf = (config: StreamConfig): number => evenly(config.batch_size, config);

const COPY_BATCHES = 10;

/**
 * Rows in a step of the initial copy at most: where they are small, more of them are worth its messages. Not where bytes are
 * limited: a step is taken as a whole, and small ones make an even pace.
 */
export function copyBatchSizeOf(config: StreamConfig): number {
  const { batch_size: size, limits } = config;
  const bytesLimited = [limits, ...limits.hours].some((each) => each.bytes_per_second > 0);
  return evenly(bytesLimited ? size : COPY_BATCHES * size, config);
}
