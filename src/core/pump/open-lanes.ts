import { Collisions, type CollisionsContext } from '../write/collisions';
import type { Claim, DestinationTraits, LaneRecord } from '../ports/destination';
import { JointSteps } from '../write/group-commit';
import { Lane, type LaneContext } from '../write/lane';
import { reached, type Position } from '../model/position';
import type { Meter } from './progress';
import { MOST_LETTERS, Refusals, type ErrorPolicy, type RefusalsContext } from '../failures/rejected-changes';
import type { Source } from '../ports/source';
import type { StepSize } from '../write/step-size';

export interface LayOutContext
  extends
    Pick<LaneContext, 'durable'>,
    Pick<RefusalsContext, 'refused'>,
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
export interface LaidOut {
  readonly lanes: readonly Lane[];
  /** Where lanes are ahead of the start. */
  readonly ahead: readonly Position[];
  readonly refusals: Refusals;
  readonly collisions: Collisions;
}

/** The lanes of the ledger's layout; the wanted number as soon as no lane is ahead of the mark. */
export async function layOut(context: LayOutContext, start: Position): Promise<LaidOut> {
  const { claim, errors, log, meter, refused, source, traits, updates, writing } = context;
  const records = await recordsOf(context, start);
  // Only a lane that is ahead of the start has anything to leave out: what comes now lies after the start.
  const ahead = (position: Position | null): Position | null =>
    position && source.order(position, start) === 'after' ? position : null;
  const behind = await claim.behind(MOST_LETTERS + 1, writing);
  const refusals = new Refusals({ policy: errors, meter, log, refused }, behind);
  const collisions = new Collisions({ ...context, refusals });
  const { maxBytes } = traits;
  const joint = traits.transactions ? new JointSteps({ ...context, maxBytes }) : null;
  const lanes = records.map(
    (record) =>
      new Lane(
        { ...record, position: ahead(record.position) },
        {
          ...context,
          refusals,
          forward: updates === 'delta',
          maxBytes,
          joint,
          collided: traits.transactions ? () => collisions.report() : null,
        },
      ),
  );
  collisions.watch(lanes);
  joint?.watch(lanes);
  return { lanes, ahead: records.flatMap(({ position }) => ahead(position) ?? []), refusals, collisions };
}

async function recordsOf(
  { claim, lanes, log, source, writing }: LayOutContext,
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
  records: readonly Pick<LaneRecord, 'aheadUntil'>[],
  source: Pick<Source, 'order'>,
): Position | null =>
  records.reduce<Position | null>(
    (newest, { aheadUntil }) =>
      aheadUntil === null || (newest !== null && source.order(newest, aheadUntil) === 'after') ? newest : aheadUntil,
    null,
  );
