import { isMasked, maskReferences } from '../config/reference';
import { isSecretName, SECRET_WORDS } from '../config/secret';
import { connectionOf } from '../connectors/connections';

const ADDRESS = /([a-z][a-z0-9+.-]{0,30}):\/\//giu;
/** Where another address may begin: not within a password that holds `://`. */
const BEGINS = /[\s"'`(<[{=]/u;
/** Pages and files: of these alone it is known how they are read without a connector. */
const PAGE = /^(?:https?|file|node)$/iu;
const HOSTS = /^(?:\[[^\]]*\]|[^:@]*)(?::(?:\d+|\uE000\d+\uE001))?$/u;
const PARAMETER = /([?&;#])([^=&;#?\s]{1,80})=[^&\s]*/gu;
const PLAIN = /^(?:\*{3}|true|false|null|undefined)?$/u;
const SHORT_NAME = /^(?:sig|key|pass|pw|auth)$/iu;
/** `password=`, `"apiKey": `, `PASSWORD '`: the name, and what stands between it and its value. */
const NAMED = new RegExp(
  `((?:${SECRET_WORDS}|identified by)[\\w.-]{0,40})` +
    String.raw`(\\*["'\]]?(?:\s{0,3}(?:=>?|:)\s{0,3}|\s{1,3}(?=["'])))(?=\S)`,
  'giu',
);
const OPENS = /(\\*)(["'])/uy;
const CLOSED = /[\s;,)}\]&\\]/u;
/** No secret is longer, and no text is searched for longer. */
const LONGEST = 16_384;

/** How far an address that begins here reaches. */
type Extent = (rest: string, isPage: boolean) => number;

const firstWord = (rest: string): string => /^\S*/u.exec(rest)?.[0] ?? '';
const authorityOf = (word: string): string => /^[^/?#]*/u.exec(word)?.[0] ?? '';

/** To the last `@` of the line and on to the end of its word: a password may hold blanks and quotes. Rather too much. */
const inText: Extent = (rest, isPage) => {
  const word = firstWord(rest);
  // `me@example.org` behind the address of a page is no part of it.
  if (isPage && !authorityOf(word).includes(':')) return word.length;
  const line = /^[^\n]*/u.exec(rest)?.[0] ?? '';
  const at = Math.max(line.lastIndexOf('@'), word.lastIndexOf('@'));
  return at < 0 ? word.length : at + firstWord(rest.slice(at)).length;
};

/** In a finished line of JSON: nothing beyond the text that the address stands in. */
const inLine: Extent = (rest) => /^[^\s"'`<>\\]*/u.exec(rest)?.[0].length ?? 0;

function shownPage(scheme: string, rest: string): string {
  const hasUser = rest.includes('@') && authorityOf(rest) !== '';
  if (hasUser || !HOSTS.test(authorityOf(rest).replace(/[:.,;)\]}"'\u0060>]+$/u, ''))) return `${scheme}://…`;
  const shown = rest.replace(PARAMETER, (parameter, mark: string, name: string) =>
    isSecretName(name) || SHORT_NAME.test(name) ? `${mark}${name}=***` : parameter,
  );
  return `${scheme}://${shown}`;
}

const shownAddress = (scheme: string, rest: string): string =>
  PAGE.test(scheme)
    ? shownPage(scheme, rest)
    : rest === ''
      ? `${scheme}://`
      : connectionOf(`${scheme}://`).redact(`${scheme}://${rest}`);

/**
 * Where a quoted value ends. A text that was quoted again, as JSON in JSON, has backslashes before its quotes, and those within the
 * value have more of them. A value may also end with a backslash: then the last quote that can be one is taken.
 */
function closingQuote(text: string, from: number): number {
  OPENS.lastIndex = from;
  const opens = OPENS.exec(text);
  if (opens === null) return -1;
  const [whole, { length: escapes }, quote] = opens as unknown as [string, string, string];
  let doubled = -1;
  let at = text.indexOf(quote, from + whole.length);
  for (; at >= 0 && at - from < LONGEST; at = text.indexOf(quote, at + 1)) {
    let before = 0;
    while (text[at - before - 1] === '\\' && at - before > from + whole.length) before += 1;
    const next = text[at + 1];
    if (next !== undefined && !CLOSED.test(next)) continue;
    if (before === escapes) return at + 1;
    if (before % (2 * (escapes + 1)) === escapes) doubled = at + 1;
  }
  return doubled;
}

const WORDS = /(?:(?:Bearer|Basic)\s+)?\S+/iuy;

/** What stands behind a name that says secret: to its closing quote, else to the end of the word. */
function valueAt(text: string, from: number): string {
  const closed = closingQuote(text, from);
  if (closed >= 0) return text.slice(from, closed);
  WORDS.lastIndex = from;
  return WORDS.exec(text)?.[0] ?? '';
}

function shownValue(name: string, value: string): string {
  if (!isSecretName(name) && !/^identified by/iu.test(name)) return value;
  const bare = value.replace(/^[\\"'([{<]+|[\\"')\]}>;,.]+$/gu, '');
  const quote = /^\\*["']/u.exec(value)?.[0] ?? '';
  return PLAIN.test(bare) || isMasked(bare) ? value : `${quote}***${quote}`;
}

/** Where the address that follows this one begins; the end of the text when none does. */
function nextAddress(text: string, from: number): number {
  const search = new RegExp(ADDRESS);
  search.lastIndex = from;
  for (let next = search.exec(text); next !== null; next = search.exec(text))
    if (BEGINS.test(text[next.index - 1] ?? '')) return next.index;
  return text.length;
}

/** The next match at or behind a place; searched for anew only once the place has passed it. */
function finder(pattern: RegExp, text: string): (from: number) => RegExpExecArray | null {
  const search = new RegExp(pattern);
  let found: RegExpExecArray | null | undefined;
  return (from) => {
    if (found === null || (found !== undefined && found.index >= from)) return found;
    search.lastIndex = from;
    return (found = search.exec(text));
  };
}

function clean(text: string, extent: Extent, named: boolean): string {
  const addressFrom = finder(ADDRESS, text);
  const nameFrom = named ? finder(NAMED, text) : () => null;
  let shown = '';
  for (let from = 0; ;) {
    const address = addressFrom(from);
    const name = nameFrom(from);
    const next = address === null || (name !== null && name.index <= address.index) ? name : address;
    if (next === null) return shown + text.slice(from);
    shown += text.slice(from, next.index);
    if (next === name) {
      const value = valueAt(text, next.index + next[0].length);
      shown += `${next[0]}${shownValue(next[1] ?? '', value)}`;
      from = next.index + next[0].length + value.length;
    } else {
      const scheme = next[1] ?? '';
      const begin = next.index + next[0].length;
      const rest = text.slice(begin, nextAddress(text, begin));
      from = begin + extent(rest, PAGE.test(scheme));
      shown += shownAddress(scheme, text.slice(begin, from));
    }
  }
}

/**
 * Takes what could be a secret out of any text that is shown: addresses as their connector shows them, those that no connector
 * knows as `postgres://…`, and values whose name says secret. References stay.
 */
export function scrub(text: string): string {
  const { text: masked, restore } = maskReferences(text);
  return restore(clean(masked, inText, true));
}

/** The same for a finished line of JSON, whose fields have been scrubbed: nothing that ends a text of it is taken away. */
export const scrubLine = (line: string): string => (line.includes('://') ? clean(line, inLine, false) : line);
