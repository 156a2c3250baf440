import { document, header } from '../../src/formats/bson/build';
import { keyOf } from '../../src/formats/bson/key';
import { BsonType } from '../../src/formats/bson/types';
import { shown } from '../../src/cli/dead-letters/shown';
import { queryId } from '../../src/connectors/mongodb/driver/keys';
import type { LanePart, RejectedChange } from '../../src/core/ports/destination';
import type { ReplicationError } from '../../src/core/model/errors';
import { Lane } from '../../src/core/write/lane';
import type { DeadLetter } from '../../src/core/model/dead-letter';
import { LowWater } from '../../src/core/pump/low-water';
import { RejectedChanges, type ErrorPolicy } from '../../src/core/failures/rejected-changes';
import { at, delta, row, silentMeter } from '../support/changes';
import { laneContext } from '../support/lanes';

const signal = new AbortController().signal;

/** `{ _id: … }` with a string, or a document with a name, of these bytes. */
const asText = (bytes: Buffer): Buffer => {
  const value = Buffer.concat([Buffer.alloc(4), bytes, Buffer.from([0])]);
  value.writeInt32LE(bytes.length + 1);
  return document([header(BsonType.string, '_id'), value]);
};
const ODD = asText(Buffer.from([0x61, 0xff]));

describe('an _id that is not valid UTF-8', () => {
  it('is a key of its own, by its bytes', () => {
    const replaced = asText(Buffer.from('a\uFFFD'));
    expect(keyOf(ODD).id).not.toBe(keyOf(replaced).id);
  });

  it('cannot be asked for, which is said, and shows nothing of it', () => {
    let told: ReplicationError | undefined;
    try {
      queryId(ODD, 'shop.orders');
    } catch (error) {
      told = error as ReplicationError;
    }
    expect(told).toMatchObject({ kind: 'poison', code: 'key_not_queryable', namespace: 'shop.orders' });
    expect(told?.message).toContain('UTF-8');
  });

  it('is no bug for the command line either', () => {
    const letter = { key: ODD, row: ODD, delta: null } as unknown as DeadLetter;
    expect(shown(letter, { canonical: false }).key).toEqual({ _id: 'a\uFFFD' });
  });

  it.each(['skip', 'dead_letter'] as const)(
    'is a change that is counted and passed by its policy (%s) where its row has to be read again, and others go on',
    async (onError: ErrorPolicy['onError']) => {
      const [parts, counted]: [LanePart[], string[]] = [[], []];
      const meter = {
        ...silentMeter,
        refused: (code: string, policy: string) => void counted.push(`${code} ${policy}`),
      };
      const policy = { onError, maxRetries: 0, retryDelayMs: 1 };
      const defaults = laneContext();
      const lane = new Lane(
        { lane: 0, sequence: 0, position: null, readAheadLimit: null },
        laneContext({
          rejected: new RejectedChanges({ policy, meter, log: () => undefined, countRejected: () => undefined }, []),
          source: {
            ...defaults.source,
            // As a source asks: by the keys of all rows of a step.
            lookup: (changes, ...rest) => {
              for (const { key, namespace } of changes) if (key.bytes === ODD) queryId(key.bytes, namespace);
              return defaults.source.lookup(changes, ...rest);
            },
          },
          claim: {
            apply: (part) => {
              parts.push(part);
              return Promise.resolve({ fresh: true, deadLetters: (part.rejected ?? []).map(() => 'letter') });
            },
          },
        }),
      );
      const odd = { ...delta('odd', 2, true), key: keyOf(ODD) };
      const mark = new LowWater(at(0));
      const batch = mark.begin();
      lane.push([row('a', 1), odd, row('b', 3)], batch, true, signal);
      batch.close(at(3), 1);
      await lane.idle();
      expect(mark.advance() && mark.position).toEqual(at(3));
      const passed = parts.flatMap(({ rejected = [] }): readonly RejectedChange[] => rejected);
      expect(passed.map(({ code, change, kept }) => [code, change.op, kept])).toEqual([
        ['key_not_queryable', 'update', onError === 'dead_letter'],
      ]);
      expect(parts.flatMap(({ changes }) => changes.map(({ key }) => key.id))).toEqual(['a', 'b']);
      expect(counted).toEqual([`key_not_queryable ${onError}`]);
    },
  );
});
