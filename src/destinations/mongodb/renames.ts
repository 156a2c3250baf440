import { splitNamespace, type Namespace } from '../../replication/namespace';

/** The destination's name of a source namespace. */
export type Renames = (name: Namespace) => Namespace;

interface Pattern {
  readonly matches: RegExp;
  readonly stars: number;
  readonly to: string;
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/gu, '\\$&');

/** `*` stands for any characters; each `*` of the new name takes what the same one of the pattern stood for. */
function compile(from: string, to: string): Pattern {
  const stars = from.split('*').length - 1;
  return { matches: new RegExp(`^${from.split('*').map(escape).join('(.*)')}$`, 'su'), stars, to };
}

function replaceStars({ matches, to }: Pattern, name: Namespace): Namespace | null {
  const match = matches.exec(name);
  if (match === null) return null;
  let star = 0;
  return to.replace(/\*/gu, () => match[++star] ?? '');
}

/** Patterns whose new name has more `*` than the pattern itself, which can stand for nothing. */
export const badRenames = (namespaces: Readonly<Record<string, string>>): string[] =>
  Object.entries(namespaces).flatMap(([from, to]) => (to.split('*').length > from.split('*').length ? [from] : []));

/** An exact name wins over a pattern, a pattern with more text over one with less; `database` takes what none names. */
export function renames(namespaces: Readonly<Record<string, string>>, database: string | undefined): Renames {
  const exact = new Map(Object.entries(namespaces).filter(([from]) => !from.includes('*')));
  const patterns = Object.entries(namespaces)
    .filter(([from]) => from.includes('*'))
    .sort(([a], [b]) => b.replaceAll('*', '').length - a.replaceAll('*', '').length)
    .map(([from, to]) => compile(from, to));
  return (name) => {
    const given = exact.get(name);
    if (given !== undefined) return given;
    for (const pattern of patterns) {
      const renamed = replaceStars(pattern, name);
      if (renamed !== null) return renamed;
    }
    return database === undefined ? name : `${database}.${splitNamespace(name).collection}`;
  };
}
