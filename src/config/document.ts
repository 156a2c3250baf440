import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, Node, Pair } from 'yaml';
import type { Found, Path, Problem } from './problem';
import { formatPath } from './problem';
import { redact } from './connection-string';

/** What was read, and where each part of it stands. */
export interface Input {
  readonly value: unknown;
  /** Problems of the syntax; nothing else is worth checking when there are any. */
  readonly problems: readonly Problem[];
  locate(found: Found): Problem;
}

const offsetOf = (node: unknown): number | null => (node as Partial<Node> | null | undefined)?.range?.[0] ?? null;

const keyOf = (pair: Pair): string | null => (isScalar(pair.key) ? String(pair.key.value) : null);

/** The offset of the innermost part of the path that the document has; of its key where it is reached by one. */
function offsetAt(document: Document, path: Path, at: 'key' | 'value'): number | null {
  let node: unknown = document.contents;
  let offset = offsetOf(node);
  for (const [depth, part] of path.entries()) {
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => keyOf(item) === String(part));
      if (pair === undefined) break;
      const last = depth === path.length - 1;
      offset = (last && at === 'value' ? offsetOf(pair.value) : null) ?? offsetOf(pair.key) ?? offset;
      node = pair.value;
    } else {
      const child: unknown = document.getIn(path.slice(0, depth + 1), true);
      if (child === undefined || child === null) break;
      offset = offsetOf(child) ?? offset;
      node = child;
    }
  }
  return offset;
}

/** The path of the key that stands at an offset; empty where there is none. */
function pathOf(document: Document, offset: number): Path {
  let found: Path = [];
  visit(document, {
    Pair: (_key, pair, ancestors) => {
      if (offsetOf(pair.key) !== offset) return undefined;
      const chain = [...ancestors, pair];
      found = chain.flatMap((node, depth): Path => {
        if (isPair(node)) return [keyOf(node) ?? ''];
        const parent: unknown = chain[depth - 1];
        return isSeq(parent) ? [parent.items.indexOf(node)] : [];
      });
      return visit.BREAK;
    },
  });
  return found;
}

// The parser's own messages quote the text that they are about; what stands behind a colon is dropped.
const syntaxMessage = (code: string, message: string): string =>
  code === 'BAD_DIRECTIVE'
    ? 'Lines that begin with % are not read'
    : redact(message.split(/(?<!or ): |\n/u)[0] ?? '').replace(/[.:]?$/u, '');

const syntaxRemedy = (code: string): string => {
  if (code === 'DUPLICATE_KEY') return 'a key may stand once only: remove one of the two';
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'MULTIPLE_DOCS') return 'one file holds one configuration: remove the "---" line';
  return 'correct the YAML (or JSON) here; texts with special characters go in quotes';
};

/** Reads YAML, of which JSON is a part. */
export function readDocument(text: string): Input {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true, stringKeys: true });
  const place = (offset: number | null): { line: number | null; column: number | null } => {
    if (offset === null) return { line: null, column: null };
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const problems = [...document.errors, ...document.warnings].map(({ code, message, pos }): Problem => ({
    path: formatPath(code === 'DUPLICATE_KEY' ? pathOf(document, pos[0]) : []),
    ...place(pos[0]),
    message: syntaxMessage(code, message),
    remedy: syntaxRemedy(code),
  }));
  const value = problems.length > 0 ? undefined : toValue(document);
  if (value === TANGLED) {
    const remedy = 'write the parts out instead of using anchors (&) and aliases (*)';
    problems.push({ path: '', ...place(0), message: 'its aliases refer to themselves or grow without bound', remedy });
  }
  return {
    value,
    problems,
    locate: ({ path, at = 'value', message, remedy }) => ({
      path: formatPath(path),
      ...place(offsetAt(document, path, at)),
      message,
      remedy,
    }),
  };
}

const TANGLED = Symbol('tangled');

function toValue(document: Document): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 1000 });
    // Fails where the value holds itself.
    JSON.stringify(value);
    return value;
  } catch {
    return TANGLED;
  }
}

/** What did not come from a text, such as a workflow's input. */
export const readValue = (value: unknown): Input => ({
  value,
  problems: [],
  locate: ({ path, message, remedy }) => ({ path: formatPath(path), line: null, column: null, message, remedy }),
});
