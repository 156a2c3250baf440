import type { MongoClient, ReadPreference } from 'mongodb';
import { fetchRows, readRows as readInterval, type Reading } from '../../driver/rows';
import type { EncodedRow, Key } from '../../../../core/model/change';
import type { Namespace } from '../../../../core/model/namespace';
import type { Position } from '../../../../core/model/position';
import type { Range, RowBatch } from '../../../../core/ports/source';
import { parseTime, tokenOf } from '../position';

export interface RowsOptions {
  readonly after: Buffer | null;
  readonly since: Position;
  readonly batchSize: number;
}

export interface Members {
  readonly client: MongoClient;
  readonly readPreference: ReadPreference;
}

/** The stream starts at `since`: a read of an older state would leave a gap between the two. */
export const readingOf = (members: Members, namespace: Namespace, since: Position): Reading => ({
  ...members,
  role: 'source',
  namespace,
  since: parseTime(tokenOf(since).time),
});

export const readRows = (
  members: Members,
  namespace: Namespace,
  { from, to }: Range,
  { after, since, batchSize }: RowsOptions,
  signal: AbortSignal,
): AsyncIterable<RowBatch> =>
  readInterval(readingOf(members, namespace, since), { from, after, upTo: null, to }, batchSize, signal);

export const fetchKeys = (
  members: Members,
  namespace: Namespace,
  keys: readonly Key[],
  since: Position,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, EncodedRow>> =>
  fetchRows(
    readingOf(members, namespace, since),
    keys.map(({ bytes }) => bytes),
    signal,
  );
