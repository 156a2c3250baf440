import { Cron } from 'croner';
import ms, { type StringValue } from 'ms';
import { isTimeZone } from './values/week';
import type { Fault } from './checks/fault';

/** How often something is done by itself: every so many milliseconds, or at the times of a cron line. */
export type Cadence = { readonly everyMs: number } | { readonly cron: string };

const SHORTEST_MS = 60_000;
const INTERVAL = /^\d+(?:\.\d+)?[smhd]$/u;
const NAMED = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/u;
const ZONE = /^(?:CRON_TZ|TZ)=(\S+)\s+/u;

/** What Temporal reads in a field: the parser knows more, such as `L` and `#`, which a Temporal server refuses. */
const VALUE = String.raw`(?:\d{1,2}|[a-z]{3,9})`;
const STEPPED = String.raw`(?:\*|${VALUE}(?:-${VALUE})?)(?:/\d{1,2})?`;
const FIELD = new RegExp(`^${STEPPED}(?:,${STEPPED})*$`, 'iu');
const FIELDS = ['minute', 'hour', 'day of the month', 'month', 'day of the week'] as const;
const RANGES = ['0 to 59', '0 to 23', '1 to 31', '1 to 12 or jan to dec', '0 to 7 or sun to sat'] as const;

const NAMES = [
  ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november'],
  ['december', 'sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'],
].flat();

/** Temporal takes the beginning of a name from its third character on, the parser the first three characters alone. */
const shortNames = (line: string): string =>
  line.replaceAll(/[a-z]{3,}/giu, (name) =>
    NAMES.some((known) => known.startsWith(name.toLowerCase())) ? name.slice(0, 3) : name,
  );

function parsed(line: string): Cron | null {
  try {
    return new Cron(shortNames(line), { paused: true, mode: '5-part', domAndDow: true, sloppyRanges: true });
  } catch {
    return null;
  }
}

function fieldFault(fields: readonly string[]): Fault | null {
  for (const [index, field] of fields.entries()) {
    const alone = FIELDS.map((_, other) => (other === index ? field : '*')).join(' ');
    if (FIELD.test(field) && parsed(alone) !== null) continue;
    return {
      message: `the ${FIELDS[index] ?? 'line'} of the cron line is out of range, or not to be read`,
      remedy: `write ${RANGES[index] ?? '*'}, also as 1-5, 1,3 or */2; * for every one`,
    };
  }
  return null;
}

function read(text: string): Cadence | Fault {
  if (INTERVAL.test(text)) {
    const everyMs = ms(text as StringValue);
    return everyMs >= SHORTEST_MS
      ? { everyMs }
      : { message: 'is shorter than a minute', remedy: 'write 1m or more, such as "24h"' };
  }
  const zone = ZONE.exec(text.trim());
  const line = text.trim().slice(zone?.[0].length ?? 0);
  if (zone !== null && !isTimeZone(zone[1] ?? ''))
    return {
      message: 'names a time zone that is not known',
      remedy: 'write CRON_TZ=Europe/Zurich in front, or nothing',
    };
  if (NAMED.test(line)) return { cron: text.trim() };
  const fields = line.split(/\s+/u);
  if (fields.length !== FIELDS.length)
    return {
      message: 'is neither an interval nor a cron line of five fields',
      remedy: 'write an interval such as "24h", or minute, hour, day, month and weekday, such as "0 3 * * *"',
    };
  const fault = fieldFault(fields);
  if (fault !== null) return fault;
  return parsed(line)?.nextRun() == null
    ? { message: 'names a date that never comes', remedy: 'correct the day or the month: "0 3 30 2 *" is one' }
    : { cron: text.trim() };
}

/** Null where it is neither an interval of a minute or more nor a cron line that a Temporal server takes. */
export function cadenceOf(text: string): Cadence | null {
  const cadence = read(text);
  return 'message' in cadence ? null : cadence;
}

/** Why it is none; null where it is one. */
export function cadenceFault(text: string): Fault | null {
  const cadence = read(text);
  return 'message' in cadence ? cadence : null;
}
