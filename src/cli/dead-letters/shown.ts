import { extended } from '../../formats/bson/extended-json';
import type { Letter } from '../../core/model/dead-letter';

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

export function shown(letter: Letter, { canonical }: ShowOptions): ShownLetter {
  const read = (encoded: Buffer | null): unknown => (encoded === null ? null : extended(encoded, { canonical }));
  return { ...letter, key: read(letter.key), row: read(letter.row), delta: read(letter.delta) };
}
