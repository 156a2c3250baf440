import { positionQuery } from '../../src/protocol/stream-messages';
import { order } from '../../src/connectors/mongodb/source/position';
import {
  readPosition,
  type LaneDocument,
  type StreamDocument,
} from '../../src/connectors/mongodb/destination/ledger/records';
import type { Round } from './round-context';

/** After a leg that was told to end: the workflow stands exactly where the ledger does. Answers what is wrong. */
export async function drained(round: Round): Promise<string[]> {
  const records = (await round.insist('the ledger', () => round.ledger())) as unknown as (
    StreamDocument | LaneDocument
  )[];
  const stream = records.find((record): record is StreamDocument => record.kind === 'stream');
  const problems: string[] = [];
  const position = await round.insist('the position', async () => ({ at: await round.t.handle.query(positionQuery) }));
  const lowWater = readPosition(stream?.lowWater ?? null);
  // Before the first leg of the pump there is nothing to compare.
  if (position.at === null || lowWater === null) return problems;
  if (order(position.at, lowWater) !== 'same')
    problems.push(`the workflow stands at ${JSON.stringify(position.at)}, the ledger at ${JSON.stringify(lowWater)}`);
  return problems;
}

/** After everything was applied and a leg ended: no lane is ahead of the low water. */
export async function level(round: Round): Promise<string[]> {
  const records = (await round.ledger()) as unknown as (StreamDocument | LaneDocument)[];
  const stream = records.find((record): record is StreamDocument => record.kind === 'stream');
  const lowWater = readPosition(stream?.lowWater ?? null);
  return records.flatMap((record) => {
    if (record.kind !== 'lane' || !record.inForce) return [];
    const position = readPosition(record.position);
    if (position === null || lowWater === null || order(position, lowWater) !== 'after') return [];
    return [
      `lane ${record.lane} stands at ${JSON.stringify(position)}, after the low water ${JSON.stringify(lowWater)}`,
    ];
  });
}
