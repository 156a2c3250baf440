import type { ErrorCode } from 'yaml';
import type { Fault } from '../checks/fault';

/** Deeper than any configuration, and far from what a call stack holds. */
export const DEEPEST = 100;
export const TOO_DEEP: Fault = {
  message: `is nested more than ${DEEPEST} levels deep`,
  remedy: 'a configuration has seven levels at most: look for a bracket or an indentation that is repeated',
};

interface Rule {
  readonly code: ErrorCode;
  /** Of the parser's own message, where one code stands for several mistakes. */
  readonly says?: RegExp;
  readonly message: string;
  readonly remedy: string;
}

const QUOTES = 'put the text in quotes';
const ONE_LEVEL = 'give all keys of one level the same number of spaces before them';

/** Told in words of its own: those of the parser quote the text that they are about, and speak of flow maps and scalars. */
const RULES: readonly Rule[] = [
  { code: 'BAD_DIRECTIVE', message: 'holds a line that begins with %, which is not read', remedy: 'remove the line' },
  {
    code: 'MULTIPLE_DOCS',
    message: 'begins a second document, and one file holds one configuration',
    remedy: 'remove the line "---" (or "...") and put all streams under one "streams:", or make it a file of its own',
  },
  {
    code: 'NON_STRING_KEY',
    message: 'holds a key that is no text',
    remedy: 'write the key as a plain word or in quotes',
  },
  { code: 'RESOURCE_EXHAUSTION', ...TOO_DEEP },
  { code: 'TAB_AS_INDENT', message: 'is indented with a tab', remedy: 'indent with spaces: YAML allows no tabs there' },
  {
    code: 'TAG_RESOLVE_FAILED',
    message: 'holds a tag (!…) that is not known',
    remedy: 'remove the tag, or put the text in quotes',
  },
  { code: 'MULTIPLE_TAGS', message: 'holds two tags (!…) for one value', remedy: `remove them, or ${QUOTES}` },
  { code: 'MULTIPLE_ANCHORS', message: 'holds two anchors (&…) for one value', remedy: `remove one, or ${QUOTES}` },
  { code: 'BAD_ALIAS', message: 'holds an & or * without a name behind it', remedy: QUOTES },
  { code: 'ALIAS_PROPS', message: 'holds a tag (!…) or an anchor (&…) before an alias (*…)', remedy: 'remove it' },
  {
    code: 'BAD_SCALAR_START',
    message: 'holds a value that begins with a character that YAML reserves, such as @ or `',
    remedy: QUOTES,
  },
  {
    code: 'BAD_DQ_ESCAPE',
    message: 'holds a backslash in double quotes with a character behind it that has no meaning there',
    remedy: 'write the backslash twice (\\\\), or use single quotes',
  },
  { code: 'MISSING_CHAR', says: /closing "/u, message: 'holds a " that is not closed', remedy: 'end the text with "' },
  { code: 'MISSING_CHAR', says: /closing '/u, message: "holds a ' that is not closed", remedy: "end the text with '" },
  {
    code: 'MISSING_CHAR',
    says: /^Sequence item/u,
    message: 'has a line in a list that does not begin with "- "',
    remedy: 'begin each entry with "- ", and indent what belongs to an entry by two spaces more',
  },
  {
    code: 'MISSING_CHAR',
    says: /^Implicit map keys/u,
    message: 'holds a key without ":" and a value',
    remedy: 'write key: value, with a space behind the colon',
  },
  {
    code: 'KEY_OVER_1024_CHARS',
    message: 'holds a key of more than 1,024 characters',
    remedy: `look for a colon in a long text, and ${QUOTES}`,
  },
  { code: 'BAD_INDENT', message: 'is indented otherwise than the lines of its level', remedy: ONE_LEVEL },
  {
    code: 'BLOCK_AS_IMPLICIT_KEY',
    message: 'holds a second ": " in one line',
    remedy: `${QUOTES}, or begin a new line that is indented by two spaces more`,
  },
  {
    code: 'BLOCK_IN_FLOW',
    message: 'holds entries within brackets that no comma parts',
    remedy: 'part them with commas: { a: 1, b: 2 }, [1, 2]',
  },
  {
    code: 'MULTILINE_IMPLICIT_KEY',
    message: 'holds a line that is neither "key: value" nor a part of what stands above it',
    remedy: `write key: value, or ${ONE_LEVEL}`,
  },
  {
    code: 'UNEXPECTED_TOKEN',
    says: /flow-(?:map|seq)-end/u,
    message: 'closes a bracket that is not open',
    remedy: 'remove the bracket, or open it before',
  },
  {
    code: 'UNEXPECTED_TOKEN',
    says: /^Unexpected , in flow/u,
    message: 'holds a comma with nothing before it',
    remedy: 'remove the comma, or write what is missing',
  },
  {
    code: 'UNEXPECTED_TOKEN',
    says: /block-seq-ind/u,
    message: 'holds a "- " behind a key or between keys',
    remedy: 'begin the list in the line below its key, or put the text in quotes',
  },
  {
    code: 'UNEXPECTED_TOKEN',
    says: /^Block scalar header/u,
    message: 'holds a text that begins with | or >',
    remedy: `${QUOTES}, or begin the text in the line below the | or >`,
  },
  {
    code: 'UNEXPECTED_TOKEN',
    says: /at node end|^Unexpected scalar token$/u,
    message: 'holds text behind a value that has ended',
    remedy: `put the whole text in quotes; within single quotes a ' is written twice`,
  },
];

const OTHER: Fault = {
  message: 'cannot be read as YAML (or JSON) from here on',
  remedy: `look at brackets, quotes and indentation in this line and the one above; ${QUOTES} where it has special characters`,
};

const CLOSES = /must (?:be sufficiently indented and )?end with a ([\]}])/u;

/** `opened`: the line of the innermost bracket that is open there. */
export function syntaxFault(code: ErrorCode, message: string, opened: number | null): Fault {
  const close = CLOSES.exec(message)?.[1];
  if (close !== undefined) {
    const open = close === ']' ? '[' : '{';
    const where = opened === null ? '' : ` in line ${opened}`;
    return {
      message: `the ${open} that is opened${where} is not closed with ${close} before here`,
      remedy: `write ${close} where it ends, and indent every line within it more than the key before it`,
    };
  }
  const rule = RULES.find((each) => each.code === code && each.says?.test(message) !== false);
  return rule === undefined ? OTHER : { message: rule.message, remedy: rule.remedy };
}
