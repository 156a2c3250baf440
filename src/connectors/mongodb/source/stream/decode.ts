import { document } from '../../../../formats/bson/build';
import { keyOf } from '../../../../formats/bson/key';
import { BsonType } from '../../../../formats/bson/types';
import { elements, find, findOne, names, slice, text, type Element } from '../../../../formats/bson/walk';
import type { Change, SchemaChange } from '../../../../core/model/change';
import { ReplicationError } from '../../../../core/model/errors';
import { namespace, type Namespace } from '../../../../core/model/namespace';
import type { Selection } from '../../../../core/mapping/pattern';
import { Deleted, Delta, FullRow, Place } from './change';
import { isAmbiguous } from './paths';
import type { PositionScope } from '../position';

/** One event of the change stream. `ignored` is outside the selection; `fragment` waits for the rest of its event. */
export type DecodedEvent =
  | { readonly type: 'change'; readonly place: Place; readonly change: Change }
  | { readonly type: 'schema'; readonly place: Place; readonly change: SchemaChange }
  | { readonly type: 'invalidate' | 'ignored'; readonly place: Place }
  | { readonly type: 'fragment'; readonly last: boolean };

const FIELDS = names(
  '_id',
  'operationType',
  'clusterTime',
  'wallTime',
  'ns',
  'documentKey',
  'fullDocument',
  'updateDescription',
  'to',
  'operationDescription',
  'nsType',
  'splitEvent',
  'collectionUUID',
);

/** Indexes and options of a namespace, in the words of the core. */
const SHAPES: ReadonlyMap<string, 'create_indexes' | 'drop_indexes' | 'modify'> = new Map([
  ['createIndexes', 'create_indexes'],
  ['dropIndexes', 'drop_indexes'],
  ['modify', 'modify'],
] as const);

/** Where the source keeps the rows: no business of a destination. */
const OTHER_KINDS = new Set(['shardCollection', 'reshardCollection', 'refineCollectionShardKey']);

/** Marks of the server that stand for no change of rows or shapes. Anything else that is unknown needs a person. */
const MARKS = new Set(['endOfTransaction', 'startIndexBuild', 'abortIndexBuild']);

/** The kinds that rows come in; all others are rare. */
const KINDS = ['insert', 'update', 'delete', 'replace'] as const;
const ROW_KINDS = names(...KINDS);

interface Named {
  readonly name: Namespace;
  readonly followed: boolean;
}

interface About {
  readonly kind: string;
  readonly named: Named;
  readonly to: Named | undefined;
  readonly place: Place;
  readonly identity: string;
}

export class Decoder {
  readonly #scope: PositionScope;
  readonly #selection: Selection;
  /** By the bytes of `ns`: a stream sees few namespaces many times, and mostly one of them many times in a row. */
  readonly #names = new Map<string, Named>();
  #last: { readonly bytes: Buffer; readonly named: Named } | null = null;

  constructor(scope: PositionScope, selection: Selection) {
    this.#scope = scope;
    this.#selection = selection;
  }

  /** `overlaps` tells whether updates at a place may already be in rows that the snapshot has read. */
  decode(buf: Buffer, offset: number, overlaps: (place: Place, namespace: Namespace) => boolean): DecodedEvent {
    const fields = find(buf, offset, FIELDS);
    const [token, operation, time, wall, ns, key, row, update, to, description, nsType, split, uuid] = fields;
    if (split) return { type: 'fragment', last: isLastFragment(slice(buf, split)) };
    if (token === undefined || operation === undefined) throw unreadable('_id or operationType');
    const place = placeOf(this.#scope, buf, [token, time, wall, uuid]);
    const kind = KINDS[ROW_KINDS.indexOf(buf, operation.start + 4, operation.end - 1)] ?? text(buf, operation);
    if (kind === 'invalidate') return { type: 'invalidate', place };
    const named = ns ? this.#named(buf, ns) : { name: '', followed: false };
    switch (kind) {
      case 'insert':
      case 'replace': {
        if (!named.followed) return { type: 'ignored', place };
        const change = new FullRow(kind, named.name, place, keyOf(part(buf, key)), part(buf, row));
        return { type: 'change', place, change };
      }
      case 'update': {
        if (!named.followed) return { type: 'ignored', place };
        const delta = part(buf, update);
        const needsLookup = overlaps(place, named.name) || isAmbiguous(delta);
        return {
          type: 'change',
          place,
          change: new Delta(named.name, place, keyOf(part(buf, key)), {
            delta,
            needsLookup,
          }),
        };
      }
      case 'delete':
        if (!named.followed) return { type: 'ignored', place };
        return { type: 'change', place, change: new Deleted(named.name, place, keyOf(part(buf, key))) };
      default: {
        const about = { kind, named, to: to && this.#named(buf, to), place, identity: place.identity };
        const described = description && slice(buf, description);
        const change = this.#schema(about, described, typeOf(nsType && text(buf, nsType), described));
        return change === null ? { type: 'ignored', place } : { type: 'schema', place, change };
      }
    }
  }

  #schema(
    { kind, named, to, place, identity }: About,
    description: Buffer | undefined,
    type: string,
  ): SchemaChange | null {
    const base = { namespace: named.name, kind, sourceTimeMs: place.sourceTimeMs, identity };
    const shape = SHAPES.get(kind);
    if (shape !== undefined) {
      if (!named.followed) return null;
      const op = type === 'collection' ? shape : type === 'view' ? 'derive' : 'other';
      return { ...base, op, ...(description && { description }) };
    }
    switch (kind) {
      case 'create':
        if (!named.followed) return null;
        if (type !== 'collection') return { ...base, op: type === 'view' ? 'derive' : 'other' };
        return { ...base, op: 'create', ...(description && { options: withoutIdIndex(description) }) };
      case 'drop':
        return named.followed ? { ...base, op: 'drop' } : null;
      case 'rename': {
        if (to === undefined) throw unreadable('to');
        if (!named.followed && !to.followed) return null;
        return { ...base, to: to.name, op: named.followed ? (to.followed ? 'rename' : 'renamed_out') : 'renamed_in' };
      }
      case 'dropDatabase': {
        const database = named.name.replace(/\..*$/u, '');
        return this.#selection.matchesDatabase(database) ? { ...base, namespace: database, op: 'drop_database' } : null;
      }
      default:
        if (OTHER_KINDS.has(kind)) return named.followed ? { ...base, op: 'other' } : null;
        if (MARKS.has(kind)) return null;
        throw new ReplicationError('needs_attention', {
          code: 'unknown_event',
          message: `the source reports an event of the unknown kind "${kind}"`,
          remedy: 'Use a version of Tributary that knows it: skipping it could lose data.',
          namespace: named.name,
        });
    }
  }

  #named(buf: Buffer, ns: Element): Named {
    const last = this.#last;
    if (last?.bytes.compare(buf, ns.start, ns.end) === 0) return last.named;
    const named = this.#looked(buf, ns);
    this.#last = { bytes: Buffer.from(slice(buf, ns)), named };
    return named;
  }

  #looked(buf: Buffer, ns: Element): Named {
    const bytes = buf.toString('latin1', ns.start, ns.end);
    let named = this.#names.get(bytes);
    if (named === undefined) {
      const database = findOne(buf, ns.start, 'db');
      const collection = findOne(buf, ns.start, 'coll');
      const name = namespace(database ? text(buf, database) : '', collection ? text(buf, collection) : '');
      named = { name, followed: collection !== undefined && this.#selection.matches(name) };
      this.#names.set(bytes, named);
    }
    return named;
  }
}

function placeOf(
  scope: PositionScope,
  buffer: Buffer,
  [token, time, wall, uuid]: readonly [Element, ...(Element | undefined)[]],
): Place {
  const known = time?.type === BsonType.timestamp;
  const seconds = known ? buffer.readUInt32LE(time.start + 4) : 0;
  const increment = known ? buffer.readUInt32LE(time.start) : 0;
  const sourceTimeMs = wall?.type === BsonType.date ? dateOf(buffer, wall) : seconds * 1000;
  const collection = uuid?.type === BsonType.binary ? uuid : null;
  return new Place({ scope, buffer, token, seconds, increment, sourceTimeMs, collection }, sourceTimeMs);
}

/** Milliseconds: exact as far as a `Date` goes. */
const dateOf = (buffer: Buffer, { start }: Element): number =>
  buffer.readInt32LE(start + 4) * 2 ** 32 + buffer.readUInt32LE(start);

/** What kind of namespace an event is about; before 8.1 only its description tells. A time series has a `viewOn` too. */
function typeOf(told: string | undefined, description: Buffer | undefined): string {
  if (told !== undefined && told !== 'collection') return told;
  if (description === undefined) return 'collection';
  if (findOne(description, 0, 'timeseries') !== undefined) return 'timeseries';
  const on = findOne(description, 0, 'viewOn');
  if (on?.type !== BsonType.string) return 'collection';
  return text(description, on).startsWith('system.buckets.') ? 'timeseries' : 'view';
}

function part(buf: Buffer, element: Element | undefined): Buffer {
  if (element?.type !== BsonType.document) throw unreadable('documentKey, fullDocument or updateDescription');
  return slice(buf, element);
}

const withoutIdIndex = (description: Buffer): Buffer =>
  document(
    elements(description)
      .filter(({ name }) => name !== 'idIndex')
      .map(({ from, end }) => description.subarray(from, end)),
  );

function isLastFragment(split: Buffer): boolean {
  const fragment = findOne(split, 0, 'fragment');
  const of = findOne(split, 0, 'of');
  if (!fragment || !of) throw unreadable('splitEvent');
  return split.readInt32LE(fragment.start) === split.readInt32LE(of.start);
}

const unreadable = (what: string): ReplicationError =>
  new ReplicationError('bug', {
    code: 'unreadable_event',
    message: `an event of the change stream has no usable ${what}`,
  });
