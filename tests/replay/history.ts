import { temporal } from '@temporalio/proto';

const { History } = temporal.api.history.v1;
export type History = temporal.api.history.v1.IHistory;

/**
 * Plain JSON of the messages themselves. Not the SDK's own: that needs one and the same copy of protobufjs below all of
 * its packages, which an install does not promise.
 */
export const toJson = (history: History): unknown =>
  History.toObject(History.fromObject(history), { longs: String, bytes: String, enums: String });

export const fromJson = (text: string): History => History.fromObject(JSON.parse(text) as Record<string, unknown>);
