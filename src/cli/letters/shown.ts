import { BSON } from 'mongodb';
import type { Letter } from '../../replication/letter';

/** The documented JSON of `dead-letters show`: the summary, and the data themselves as Extended JSON. */
export interface ShownLetter extends Omit<Letter, 'key' | 'row' | 'delta'> {
  readonly key: unknown;
  readonly row: unknown;
  readonly delta: unknown;
}

export interface ShowOptions {
  /** Every value with its type; without it, numbers and dates read as people write them. */
  readonly canonical: boolean;
}

/** Old drivers wrote text that is not valid UTF-8: it is shown as well as it can be. */
const READ = { promoteValues: false, bsonRegExp: true, validation: { utf8: false } } as const;

export function shown(letter: Letter, { canonical }: ShowOptions): ShownLetter {
  const read = (encoded: Buffer | null): unknown =>
    encoded === null
      ? null
      : BSON.EJSON.serialize(BSON.deserialize(encoded, READ), {
          relaxed: !canonical,
        });
  return { ...letter, key: read(letter.key), row: read(letter.row), delta: read(letter.delta) };
}
