import { document, header, rawHeader } from '../../../../formats/bson/build';
import { BsonType } from '../../../../formats/bson/types';
import { elements, find, names, slice, textBytes, type NamedElement } from '../../../../formats/bson/walk';

const PARTS = names('updatedFields', 'removedFields', 'truncatedArrays', 'disambiguatedPaths');
const TRUNCATION = names('field', 'newSize');

const SET = header(BsonType.document, '$set');
const UNSET = header(BsonType.document, '$unset');
const PUSH = header(BsonType.document, '$push');
const EMPTY_STRING = Buffer.from([1, 0, 0, 0, 0]);
const EACH_NOTHING = Buffer.concat([header(BsonType.array, '$each'), document([])]);
const SLICE = header(BsonType.int32, '$slice');

/**
 * The updates that do to a row what an `updateDescription` says was done at the source, to be run one after the other;
 * null where update operators cannot say it (a name with a dot or a dollar sign), so that the row has to be read again.
 * Values and names are copied as they are: a name that is not valid UTF-8 keeps its bytes.
 */
export function deltaUpdates(delta: Buffer): Buffer[] | null {
  const [updated, removed, truncated, ambiguous] = find(delta, 0, PARTS);
  if (ambiguous !== undefined && elements(delta, ambiguous.start).length > 0) return null;

  const updates: Buffer[] = [];
  const truncations = truncated ? elements(delta, truncated.start) : [];
  for (const truncation of truncations) {
    const update = truncate(delta, truncation);
    if (update === null) return null;
    updates.push(update);
  }

  const unset: Buffer[] = [];
  for (const path of removed ? elements(delta, removed.start) : []) {
    const name = textBytes(delta, path);
    if (!addressable(characters(name))) return null;
    unset.push(rawHeader(BsonType.string, name), EMPTY_STRING);
  }

  const fields = updated ? elements(delta, updated.start) : [];
  const paths = fields.map(({ from, start }) => characters(delta.subarray(from + 1, start - 1)));
  if (!paths.every(addressable)) return null;
  const sets = runsOf(fields, paths).map((run) => run.map(({ from, end }) => delta.subarray(from, end)));

  const first = sets.shift();
  const head = [
    ...(unset.length > 0 ? [UNSET, document(unset)] : []),
    ...(first === undefined ? [] : [SET, document(first)]),
  ];
  if (head.length > 0) updates.push(document(head));
  for (const fields of sets) updates.push(document([SET, document(fields)]));
  return updates;
}

/** The server adds the new fields of one `$set` in the order of their names, the source in the order given here. */
function runsOf(fields: readonly NamedElement[], paths: readonly string[]): NamedElement[][] {
  const runs: NamedElement[][] = [];
  let last = new Map<string, string>();
  for (const [index, field] of fields.entries()) {
    const path = paths[index] ?? '';
    const dot = path.lastIndexOf('.');
    const parent = path.slice(0, Math.max(dot, 0));
    const name = path.slice(dot + 1);
    const before = last.get(parent);
    const run = runs.at(-1);
    if (run !== undefined && (before === undefined || ascending(before, name))) run.push(field);
    else {
      runs.push([field]);
      last = new Map();
    }
    last.set(parent, name);
  }
  return runs;
}

function truncate(delta: Buffer, truncation: NamedElement): Buffer | null {
  const [field, newSize] = find(delta, truncation.start, TRUNCATION);
  if (field === undefined || newSize?.type !== BsonType.int32) return null;
  const name = textBytes(delta, field);
  if (!addressable(characters(name))) return null;
  const keep = document([EACH_NOTHING, SLICE, slice(delta, newSize)]);
  return document([PUSH, document([rawHeader(BsonType.document, name), keep])]);
}

const isPlain = (name: string): boolean => name !== '' && !name.startsWith('$');

/** One character for each byte: to be read and compared as the server does, and never to be sent. */
const characters = (name: Buffer): string => name.toString('latin1');

const addressable = (path: string): boolean =>
  (path.includes('.') ? path.split('.').every(isPlain) : isPlain(path)) && !path.includes('\0');

const isNumber = (name: string): boolean => /^\d+$/u.test(name);

/** Whether the server, by text or by number, would put `b` after `a`. Where the two disagree the answer is no. */
function ascending(a: string, b: string): boolean {
  if (a >= b) return false;
  return !(isNumber(a) && isNumber(b)) || BigInt(a) < BigInt(b);
}
