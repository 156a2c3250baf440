import type { Change, EncodedRow } from '../../../src/core/model/change';
import { ReplicationError } from '../../../src/core/model/errors';
import type { Namespace } from '../../../src/core/model/namespace';
import type { Position } from '../../../src/core/model/position';
import type { LanePart, RangeRecord, Written } from '../../../src/core/ports/destination';
import { keyOfBytes } from '../rows';
import { finalsOf, type Finals } from './finals';
import { behind, move, rangeAt } from './ranges';
import type { LaneState, Target } from './records';
import type { DestinationServer } from './server';

/** Parts of lanes and their records, in one atomic step. `finals`: what is in the way leaves first. */
export function writeParts(
  server: DestinationServer,
  epoch: number,
  parts: readonly LanePart[],
  finals: boolean,
): readonly Written[] {
  const lanes = parts.map(({ lane }) => laneOf(server, lane));
  for (const lane of lanes) server.mustBe(lane, epoch);
  const ahead = parts.filter(({ expected }, index) => (lanes[index]?.sequence ?? 0) > expected);
  if (ahead.length > 0) return parts.map((part) => ({ fresh: false, deadLetters: deadLettersOf(part) }));
  if (parts.some(({ expected }, index) => lanes[index]?.sequence !== expected)) throw behind();
  const changes = parts.flatMap((part) => part.changes);
  writeRows(server, changes, { finals, isAlone: parts.length === 1 });
  for (const [index, part] of parts.entries()) {
    advance(server, lanes[index] as LaneState, part);
    server.witness.part(epoch, part);
  }
  return parts.map((part) => ({ fresh: true, deadLetters: deadLettersOf(part) }));
}

function laneOf({ lanes }: DestinationServer, number: number): LaneState {
  const lane = lanes.get(number);
  if (lane === undefined) throw new RangeError('the layout in force has no such lane');
  return lane;
}

/** All of them, or, where one is refused, none. */
export function writeRows(
  server: DestinationServer,
  changes: readonly Change[],
  { finals, isAlone }: { readonly finals: boolean; readonly isAlone: boolean },
): void {
  for (const [namespace, rows] of finalsFor(server, changes, finals, isAlone)) {
    const { rows: there } = targetOf(server, namespace);
    for (const [key, row] of rows) {
      if (row === null) there.delete(key);
      else there.set(key, row);
      server.witness.row(namespace, key, row);
    }
  }
}

function finalsFor(server: DestinationServer, changes: readonly Change[], finals: boolean, isAlone: boolean): Finals {
  const target = (name: Namespace): Target => targetOf(server, name);
  if (!server.unique) return finalsOf(changes, { target, unique: 'none' });
  if (finals) return finalsOf(changes, { target, unique: 'last' });
  try {
    return finalsOf(changes, { target, unique: 'each' });
  } catch (error) {
    // Full states may leave before others come, as long as no delta needs what was there.
    if (!isAlone || changes.some(({ op }) => op === 'update')) throw error;
    return finalsOf(changes, { target, unique: 'last' });
  }
}

function targetOf({ targets }: DestinationServer, name: Namespace): Target {
  const target = targets.get(name);
  if (target !== undefined) return target;
  throw new ReplicationError('retry', { code: 'target_missing', message: `there is no target of ${name}` });
}

function advance(
  { deadLetters }: DestinationServer,
  lane: LaneState,
  { position, readAheadLimit, superseded = [], rejected = [] }: LanePart,
): void {
  lane.sequence += 1;
  if (position !== null) lane.position = position;
  if (readAheadLimit) lane.readAheadLimit = readAheadLimit;
  for (const id of superseded) {
    const letter = deadLetters.get(id);
    if (letter) letter.state = 'superseded';
  }
  for (const { change, deadLetter } of rejected) {
    const { namespace, key } = change;
    const id = deadLetter ?? deadLetterId(change);
    deadLetters.set(id, { id, namespace, key, state: 'open' });
  }
}

/** Rows of a copy, and how far it is, in one atomic step. */
export function loadRows(
  server: DestinationServer,
  epoch: number,
  before: RangeRecord,
  rows: readonly EncodedRow[],
  next: Pick<RangeRecord, 'after' | 'done'>,
): Written {
  const state = rangeAt(server, epoch, before);
  if (state === null) return { fresh: false };
  const changes = rows.map((row): Change => {
    const key = keyOfBytes(row);
    const position: Position = { source: 'list', history: 'h', token: null };
    return { op: 'replace', namespace: before.namespace, key, row, sourceTimeMs: 0, bytes: row.length, position };
  });
  writeRows(server, changes, { finals: true, isAlone: true });
  const bytes = rows.reduce((sum, row) => sum + row.length, 0);
  move(state, { ...next, rows: before.rows + rows.length, bytes: before.bytes + bytes });
  return { fresh: true };
}

const deadLetterId = ({ namespace, key, position }: Change): string =>
  `${namespace} ${key.id} ${JSON.stringify(position.token)}`;

const deadLettersOf = ({ rejected = [] }: LanePart): string[] =>
  rejected.map(({ change, deadLetter }) => deadLetter ?? deadLetterId(change));
