import type { MongoClient } from 'mongodb';
import { codeOf } from '../../errors';
import type { Namespace } from '../../../../core/model/namespace';
import { sendable } from '../schema/ddl';
import { CHANGEABLE, differences, excludes, expires, isHidden, isText, renamed, type Index } from './index-specs';
import { createIndex, indexesOf, onIndexes, type TargetIndexes } from './target-indexes';
import { present } from '../schema/targets';

/** Codes with which a server says that it cannot change this of an index: the command or the option is not known there. */
const NOT_CHANGEABLE: ReadonlySet<number> = new Set([2, 9, 59, 72, 115, 238, 303, 40415]);
/** An index of the same name, or of the same key under another name, stands in the way. */
const IN_THE_WAY: ReadonlySet<number> = new Set([85, 86]);
/** Said of a second text index, and of one index too many, among others. */
const CANNOT_CREATE = 67;
/** Of a collection, that of the key among them. */
const MOST_INDEXES = 64;

export interface Placing {
  readonly client: MongoClient;
  readonly target: Namespace;
  readonly log: (event: string, fields: { readonly index: string; readonly other: string }) => void;
  /**
   * A rejected build leaves the old one in force: the new one is built beside it first, under another name, or the old one is
   * brought back. Not where a build may be halted because its collection goes, which would then be made anew.
   */
  readonly keepOld: boolean;
  /** All that the source has, where that is known: one that is as it is there makes way for no other. */
  readonly wanted: readonly Index[];
}

/** Makes an index of a target be the wanted one: by a change of the one that is there, where the server can, else by a build. */
export async function placeIndex(placing: Placing, index: Index, signal: AbortSignal): Promise<void> {
  const there = await indexesOf(placing.client, placing.target, signal);
  const now = there.byName.get(index.name);
  if (now === undefined) {
    // Left by an attempt that was cut short: it stands in the way of the same under its own name.
    if (there.byName.has(besideName(index))) await drop(placing, besideName(index), signal);
    await build(placing, there, index, signal);
  } else if (!(await isChanged(placing, now, index, signal))) await replace(placing, there, now, index, signal);
  else await awaited(placing, there, index, signal);
}

/**
 * A server lists an index that it is still building, for a worker that was lost, like one that serves: asked for again, it waits
 * for the end of that build, and tells when it fails. One that serves is left as it is.
 */
async function awaited({ client }: Placing, there: TargetIndexes, index: Index, signal: AbortSignal): Promise<void> {
  await createIndex(client, there, index, signal).catch((error: unknown) => {
    // The same for what counts here, and another one for the server, as one of an older version.
    const code = codeOf(error) ?? 0;
    if (!IN_THE_WAY.has(code) && code !== CANNOT_CREATE) throw error;
  });
}

/** Whether `collMod` could take the index that is there to what is wanted. */
async function isChanged(
  { client, target }: Placing,
  now: Index,
  { name, options }: Index,
  signal: AbortSignal,
): Promise<boolean> {
  const other = differences(now, { name, options });
  if (other.length === 0) return true;
  if (!other.every((option) => CHANGEABLE.has(option))) return false;
  // What is unique or expires cannot be made to do neither.
  if (now.options.flag('unique') && !options.flag('unique')) return false;
  if (expires(now) && !expires({ options })) return false;
  const modify = (change: object): Promise<void> =>
    onIndexes(client, target, 'collMod', { index: { name, ...change } }, signal);
  try {
    if (other.includes('unique')) await makeUnique(modify, now);
    else if (other.includes('prepareUnique')) await modify({ prepareUnique: options.flag('prepareUnique') });
    const expiry = options.pick((option) => option === 'expireAfterSeconds' && other.includes(option));
    const rest = {
      ...Object.fromEntries(sendable(expiry, target)),
      ...(other.includes('hidden') && { hidden: isHidden({ options }) }),
    };
    if (Object.keys(rest).length > 0) await modify(rest);
    return true;
  } catch (error) {
    if (NOT_CHANGEABLE.has(codeOf(error) ?? 0)) return false;
    throw error;
  }
}

/** From here on the server lets no value in twice; then it looks whether one is there twice. */
async function makeUnique(modify: (change: object) => Promise<void>, now: Index): Promise<void> {
  if (!now.options.flag('prepareUnique')) await modify({ prepareUnique: true });
  try {
    await modify({ unique: true });
  } catch (error) {
    // A plain one again, as it was: rows that the stream writes later must not be rejected for it.
    await modify({ prepareUnique: false }).catch(() => undefined);
    throw error;
  }
}

async function replace(
  placing: Placing,
  there: TargetIndexes,
  now: Index,
  index: Index,
  signal: AbortSignal,
): Promise<void> {
  const proven = placing.keepOld && (await isBuiltBeside(placing, there, index, signal));
  await drop(placing, index.name, signal);
  // The server holds two indexes that differ by their names alone for one.
  if (proven) await drop(placing, besideName(index), signal);
  await orBack(placing, there, now, () => build(placing, there, index, signal), signal);
}

/** Whether the server holds both. What it refuses for the rows is thrown, and the old one serves as before. */
async function isBuiltBeside(
  placing: Placing,
  there: TargetIndexes,
  index: Index,
  signal: AbortSignal,
): Promise<boolean> {
  const name = besideName(index);
  const proof = renamed(index, name);
  const left = there.byName.get(name);
  // What was built before a crash is as good.
  if (left !== undefined && differences(left, proof).length === 0) return true;
  if (left !== undefined) await drop(placing, name, signal);
  try {
    await createIndex(placing.client, there, proof, signal);
    return true;
  } catch (error) {
    if (hasNoRoom(error, there, index)) return false;
    throw error;
  }
}

/** For two indexes at a time: they are one for it, both are text indexes, or it has as many as it can have. */
function hasNoRoom(error: unknown, { byName }: TargetIndexes, index: Index): boolean {
  const code = codeOf(error) ?? 0;
  return IN_THE_WAY.has(code) || (code === CANNOT_CREATE && (isText(index) || byName.size >= MOST_INDEXES - 1));
}

const besideName = ({ name }: Index): string => `tributary.new.${name}`;

/**
 * An index under another name that the server does not hold beside this one is mostly of a time that is over. It makes way, unless
 * the source has it (a newer server holds both), or it does something to rows: one that is unique or expires was made on purpose.
 */
async function build(placing: Placing, there: TargetIndexes, index: Index, signal: AbortSignal): Promise<void> {
  const stays = (other: Index): boolean =>
    other.name === index.name ||
    placing.wanted.some((each) => each.name === other.name && differences(each, other).length === 0);
  const create = (): Promise<void> => createIndex(placing.client, there, index, signal);
  try {
    await create();
  } catch (error) {
    const other = [...there.byName.values()].find((each) => !stays(each) && excludes(each, index));
    if (other === undefined || !hasNoRoom(error, there, index)) throw error;
    placing.log('index_made_way', { index: index.name, other: other.name });
    await drop(placing, other.name, signal);
    await orBack(placing, there, other, create, signal);
  }
}

/** Brings back the index that was dropped where the server refuses the other one after all, unless the collection is gone too. */
async function orBack(
  { client, target, keepOld }: Placing,
  there: TargetIndexes,
  dropped: Index,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (keepOld && (await present(client, [target], signal)).has(target))
      await createIndex(client, there, dropped, signal).catch(() => undefined);
    throw error;
  }
}

const drop = ({ client, target }: Placing, index: string, signal: AbortSignal): Promise<void> =>
  onIndexes(client, target, 'dropIndexes', { index }, signal);
