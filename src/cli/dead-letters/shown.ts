import { extended } from '../../formats/bson/extended-json';
import type { DeadLetter } from '../../core/model/dead-letter';

/** The documented JSON of `dead-letters show`: the summary, and the data themselves as Extended JSON. */
export interface ShownDeadLetter extends Omit<DeadLetter, 'key' | 'row' | 'delta'> {
  readonly key: unknown;
  readonly row: unknown;
  readonly delta: unknown;
}

export interface ShowOptions {
  /** Every value with its type; without it, numbers and dates read as people write them. */
  readonly canonical: boolean;
}

export function shown(letter: DeadLetter, { canonical }: ShowOptions): ShownDeadLetter {
  const read = (encoded: Buffer | null): unknown => (encoded === null ? null : extended(encoded, { canonical }));
  return { ...letter, key: read(letter.key), row: read(letter.row), delta: read(letter.delta) };
}
