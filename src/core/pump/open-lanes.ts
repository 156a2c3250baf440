import { Collisions, type CollisionsContext } from '../write/collisions';
import type { Claim, DestinationTraits, LaneRecord } from '../ports/destination';
import { GroupCommit } from '../write/group-commit';
import { Lane, type LaneContext } from '../write/lane';
import { reached, type Position } from '../model/position';
import type { Meter } from './progress';
import {
  MAX_DEAD_LETTERS,
  RejectedChanges,
  type ErrorPolicy,
  type RejectedChangesContext,
} from '../failures/rejected-changes';
import type { Source } from '../ports/source';
import type { StepSize } from '../write/step-size';

export interface OpenLanesContext
  extends
    Pick<LaneContext, 'durable'>,
    Pick<RejectedChangesContext, 'countRejected'>,
    Pick<CollisionsContext, 'alive' | 'clock' | 'failed' | 'ending' | 'writing' | 'log'> {
  readonly source: Source;
  readonly traits: DestinationTraits;
  readonly claim: Claim;
  readonly errors: ErrorPolicy;
  /** Lanes wanted. */
  readonly lanes: number;
  readonly updates: 'delta' | 'row';
  readonly meter: Meter;
  readonly size: StepSize;
}

/** The writers of a leg. */
export interface OpenLanes {
  readonly lanes: readonly Lane[];
  /** Where lanes are ahead of the start. */
  readonly ahead: readonly Position[];
  readonly rejected: RejectedChanges;
  readonly collisions: Collisions;
}

/** The lanes of the ledger's layout; the wanted number as soon as no lane is ahead of the mark. */
export async function openLanes(context: OpenLanesContext, start: Position): Promise<OpenLanes> {
  const { claim, errors, log, meter, countRejected, source, traits, updates, writing } = context;
  const records = await recordsOf(context, start);
  // Only a lane that is ahead of the start has anything to leave out: what comes now lies after the start.
  const ahead = (position: Position | null): Position | null =>
    position && source.order(position, start) === 'after' ? position : null;
  const behind = await claim.behind(MAX_DEAD_LETTERS + 1, writing);
  const rejected = new RejectedChanges({ policy: errors, meter, log, countRejected }, behind);
  const collisions = new Collisions({ ...context, rejected });
  const { maxBytes } = traits;
  const groupCommit = traits.transactions ? new GroupCommit({ ...context, maxBytes }) : null;
  const lanes = records.map(
    (record) =>
      new Lane(
        { ...record, position: ahead(record.position) },
        {
          ...context,
          rejected,
          monotonic: updates === 'delta',
          maxBytes,
          groupCommit,
          collided: traits.transactions ? () => collisions.report() : null,
        },
      ),
  );
  collisions.watch(lanes);
  groupCommit?.watch(lanes);
  return { lanes, ahead: records.flatMap(({ position }) => ahead(position) ?? []), rejected, collisions };
}

async function recordsOf(
  { claim, lanes, log, source, writing }: OpenLanesContext,
  start: Position,
): Promise<readonly LaneRecord[]> {
  const records = claim.ledger.lanes;
  const level = records.every(({ position }) => position === null || reached(source.order(start, position)));
  if (records.length === lanes || !level) return records;
  const changed = await claim.layout(lanes, latest(records, source), writing);
  log('info', 'lanes_changed', { from: records.length, to: lanes });
  return changed;
}

/** How far ahead any row may be, whichever lane it was in. */
export const latest = (
  records: readonly Pick<LaneRecord, 'readAheadLimit'>[],
  source: Pick<Source, 'order'>,
): Position | null =>
  records.reduce<Position | null>(
    (newest, { readAheadLimit }) =>
      readAheadLimit === null || (newest !== null && source.order(newest, readAheadLimit) === 'after')
        ? newest
        : readAheadLimit,
    null,
  );
