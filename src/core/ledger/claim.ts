import { ReplicationError } from '../model/errors';
import { inParallel } from '../async/in-parallel';
import type { RecordOp, StateRecord, StateStore } from '../ports/state-store';
import type { Writer } from '../ports/writer';
import { fencedBy, Generations, ledgerMissing, listAll, type LedgerContext } from './records/context';
import { Keys } from './records/keys';
import { OwnRecords } from './records/own-records';
import { Positions } from './records/positions';
import { following, laneCodec, newRoot, replace, rootCodec, type LaneState, type RootState } from './records/records';
import { Root } from './root';
import { writeRecord } from './steps';

export interface ClaimOptions {
  readonly store: StateStore;
  readonly writer: Writer;
  readonly stream: string;
  readonly epoch: number;
  /** Of a ledger that does not exist yet. */
  readonly lanes: number;
  /** `existing`: a missing ledger is an error (`ledger_missing`), because the stream has written before. */
  readonly expect: 'any' | 'existing';
  readonly clock: LedgerContext['clock'];
}

/** What a claim holds: the records as they are once no writer of an earlier epoch can change them. */
export interface FencedRecords {
  readonly context: LedgerContext;
  readonly root: Root;
  /** Lanes of every generation, and loaders, by their keys. */
  readonly slots: ReadonlyMap<string, StateRecord>;
  readonly own: OwnRecords;
  /** Long positions that no record names any more. */
  readonly unnamed: readonly StateRecord[];
}

/**
 * Fences the record of the stream, then lists its slots, fences each, and only then reads. From the first fence on no writer of an
 * earlier epoch changes the lanes in force, admits a loader or decides a plan; from the last one on nothing of theirs can commit.
 */
export async function fenceStream(options: ClaimOptions, signal: AbortSignal): Promise<FencedRecords> {
  const { store, writer, stream, epoch, clock } = options;
  const keys = new Keys(stream);
  const positions = new Positions(keys, epoch);
  const generations = new Generations(epoch);
  const context: LedgerContext = { store, writer, stream, epoch, keys, positions, generations, clock };
  await ensureRoot(context, options, signal);
  const askedAt = clock.monotonic();
  const rootRecord = await fenceSlot(context, keys.root, signal);
  if (rootRecord === null) throw ledgerMissing(stream);

  const slots = await fenceSlots(context, rootRecord, signal);
  const records = await listAll(store, keys.own, signal);
  // What a later claim has written is not this one's to go on from.
  const held = Math.max(...records.map((record) => record.epoch), epoch);
  if (held > epoch) throw fencedBy(stream, held);
  const own = writer.traits.atomic === 'none' ? await raiseAll(context, records, signal) : records;
  const unnamed = await positions.load(store, [rootRecord, ...slots, ...own], signal);
  const root = new Root(context, rootRecord, askedAt);
  const dead = new Set(unnamed);
  const ownRecords = new OwnRecords(
    context,
    root,
    own.filter((record) => !dead.has(record)),
  );
  return { context, root, slots: new Map(slots.map((slot) => [slot.key, slot])), own: ownRecords, unnamed };
}

/** A record below every epoch that can be claimed, so that it can be fenced. */
async function ensureRoot(
  { store, stream, epoch, keys, positions }: LedgerContext,
  { lanes, expect }: ClaimOptions,
  signal: AbortSignal,
): Promise<void> {
  const [found] = await store.get([keys.root], signal);
  const value = rootCodec.encode(newRoot(lanes), positions, []);
  if (!found) {
    if (expect === 'existing') throw ledgerMissing(stream);
    const next = { key: keys.root, epoch: 0, sequence: 0, generation: 0, value };
    // The second of two claims changes nothing.
    await store.write({ op: 'put', expect: 'absent', next }, signal);
    return;
  }
  const { forgotten } = found.value as unknown as Pick<RootState, 'forgotten'>;
  if (found.epoch >= epoch) throw fencedBy(stream, found.epoch);
  if (!forgotten) return;
  if (forgotten.removing) throw beingForgotten(stream);
  if (expect === 'existing') throw ledgerMissing(stream);
  await store.write(replace(found, { ...following(found, found.epoch, value), generation: 0 }), signal);
}

/** Where the store is not the writer's own, each has something to fence. */
export async function fenceSlot(
  { store, writer, epoch }: LedgerContext,
  key: string,
  signal: AbortSignal,
): Promise<StateRecord | null> {
  const record = await store.fence(key, epoch, signal);
  await writer.fence?.(key, epoch, signal);
  return record;
}

/** Every slot that the record of the stream names, and every other one that there is: lanes of another generation may be busy still. */
async function fenceSlots(context: LedgerContext, root: StateRecord, signal: AbortSignal): Promise<StateRecord[]> {
  const { store, keys } = context;
  const { lanes, loaders } = root.value as unknown as Pick<RootState, 'lanes' | 'loaders'>;
  const named = [
    ...Array.from({ length: lanes }, (_, lane) => newLane(context, root.generation, emptyLane(lane), [])),
    ...Array.from({ length: loaders }, (_, loader) => newLoader(context, loader)),
  ];
  const there = new Set((await listAll(store, keys.slots, signal)).map(({ key }) => key));
  for (const next of named) if (!there.has(next.key)) await store.write({ op: 'put', expect: 'absent', next }, signal);
  const slots = [...new Set([...named.map(({ key }) => key), ...there])];
  const fencedSlots = await inParallel(slots, (key) => fenceSlot(context, key, signal));
  // A slot that is gone by now was one of another generation, which a later claim has removed.
  return fencedSlots.filter((slot) => slot !== null);
}

/** Slots begin below every epoch, so that they can be fenced before they are used. */
export const newLane = (
  { keys, positions }: LedgerContext,
  generation: number,
  state: LaneState,
  needs: RecordOp[],
): StateRecord => ({
  key: keys.lane(generation, state.lane),
  epoch: 0,
  sequence: 0,
  generation,
  value: laneCodec.encode(state, positions, needs),
});

const emptyLane = (lane: number): LaneState => ({ lane, position: null, readAheadLimit: null });

export const newLoader = ({ keys }: LedgerContext, loader: number): StateRecord => ({
  key: keys.loader(loader),
  epoch: 0,
  sequence: 0,
  generation: 0,
  value: { loader },
});

/**
 * Where no step fences what the claim owns, each record is raised: a writer of an earlier epoch expects another mark from then on.
 * Long positions are left as they are: every writer would write the same under their key.
 */
function raiseAll(
  context: LedgerContext,
  records: readonly StateRecord[],
  signal: AbortSignal,
): Promise<StateRecord[]> {
  return inParallel(records, async (record) => {
    if (record.epoch >= context.epoch || record.value === null) return record;
    const next = following(record, context.epoch, record.value);
    // Rejects where a writer of an earlier epoch came first: the next claim reads what is there.
    await writeRecord(context, replace(record, next), signal);
    return next;
  });
}

const beingForgotten = (stream: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'being_forgotten',
    message: `the records of an earlier stream ${stream} are being removed from the destination`,
    remedy: `Stop this stream, run \`tributary streams forget ${stream}\` to its end, then apply the stream again.`,
  });
