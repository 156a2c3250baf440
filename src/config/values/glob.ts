import { compileName } from '../../core/mapping/pattern';

const WILDCARD = /[*?]/u;

/** Whether some name matches both patterns. */
export function overlap(a: string, b: string): boolean {
  if (!WILDCARD.test(a) && !WILDCARD.test(b)) return a === b;
  const left = Array.from(a);
  const right = Array.from(b);
  // reachable[j]: the first i characters of a and the first j of b can stand for the same text.
  let reachable = right.map(() => false);
  reachable.unshift(true);
  for (let j = 0; j < right.length && right[j] === '*'; j++) reachable[j + 1] = true;
  for (const character of left) {
    const next = [character === '*' && reachable[0] === true];
    for (const [j, other] of right.entries()) {
      const both = reachable[j] === true && (character === other || character === '?' || other === '?');
      const starLeft = character === '*' && (reachable[j + 1] === true || next[j] === true);
      const starRight = other === '*' && (reachable[j + 1] === true || next[j] === true);
      const oneStar = (character === '*' || other === '*') && reachable[j] === true;
      next.push(both || starLeft || starRight || oneStar);
    }
    reachable = next;
  }
  return reachable[right.length] === true;
}

/** Whether `wide` surely matches every name that `narrow` matches; false when that is hard to say. */
export function covers(wide: string, narrow: string): boolean {
  if (wide === '*') return true;
  if (!WILDCARD.test(wide)) return wide === narrow;
  const pattern = compileName(wide);
  const sample = (length: number): string => narrow.replaceAll('*', '\uE010'.repeat(length)).replaceAll('?', '\uE010');
  return [0, 1, 97].every((length) => pattern.matches(sample(length)));
}
