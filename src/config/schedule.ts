import ms, { type StringValue } from 'ms';

/** How often something is done by itself: every so many milliseconds, or at the times of a cron line. */
export type Cadence = { readonly everyMs: number } | { readonly cron: string };

const SHORTEST_MS = 60_000;
const FIELD = /^[\d*/,?LW#A-Za-z-]+$/u;
const NAMED = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/u;
const ZONE = /^(?:CRON_TZ|TZ)=\S+\s+/u;

/** Null where it is neither an interval of a minute or more nor a cron line. Names and numbers inside are the server's to judge. */
export function cadenceOf(text: string): Cadence | null {
  if (/^\d+(?:\.\d+)?[smhd]$/u.test(text)) {
    const everyMs = ms(text as StringValue);
    return everyMs >= SHORTEST_MS ? { everyMs } : null;
  }
  const line = text.trim().replace(ZONE, '');
  if (NAMED.test(line)) return { cron: text.trim() };
  const fields = line.split(/\s+/u);
  return fields.length === 5 && fields.every((field) => FIELD.test(field)) ? { cron: text.trim() } : null;
}
