import { document } from '../../../../formats/bson/build';
import { walk } from '../../../../formats/bson/walk';

/** Puts the fragments of a large event together: every field once, and the last fragment's token. */
export function joinFragments(fragments: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = [];
  fragments.forEach((fragment, index) => {
    walk(fragment, 0, (_type, nameStart, nameEnd, _start, end) => {
      const name = fragment.toString('latin1', nameStart, nameEnd);
      if (name === 'splitEvent' || (name === '_id' && index < fragments.length - 1)) return false;
      pieces.push(fragment.subarray(nameStart - 1, end));
      return false;
    });
  });
  return document(pieces);
}
