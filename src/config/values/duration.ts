import ms, { type StringValue } from 'ms';

/** Milliseconds of a duration that the schema has accepted, such as `30s`. */
export const durationMs = (duration: string): number => ms(duration as StringValue);
