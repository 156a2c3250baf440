import { closest, distance } from 'fastest-levenshtein';

/** What was meant, where that is really near: a third of the characters may differ, or the end is missing or too much. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (known.length === 0) return null;
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_ ]/gu, '');
  const wanted = plain(name);
  const begins = (other: string): boolean => {
    const [short = '', long = ''] = [wanted, other].sort((a, b) => a.length - b.length);
    return short.length >= 3 && long.length <= 2 * short.length && long.startsWith(short);
  };
  const same = known.find((other) => plain(other) === wanted) ?? known.find((other) => begins(plain(other)));
  if (same !== undefined) return same;
  const best = closest(name.toLowerCase(), [...known]);
  const allowed = Math.max(1, Math.floor(Math.max(name.length, best.length) / 3));
  return distance(name.toLowerCase(), best.toLowerCase()) <= allowed ? best : null;
}
