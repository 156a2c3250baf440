import { isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, Node, Pair } from 'yaml';
import type { Fault } from './checks/fault';
import type { Found, Path, Problem } from './checks/problem';
import { formatPath } from './checks/problem';
import { DEEPEST, syntaxFault, TOO_DEEP } from './values/syntax';

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

/** Where the innermost bracket stands that is still open at an offset. */
function openedAt(document: Document, offset: number, lines: LineCounter): number | null {
  let line: number | null = null;
  visit(document, {
    Collection: (_key, { flow, range }) => {
      const open = flow === true && range != null && range[0] <= offset && range[1] >= offset;
      if (open) ({ line } = lines.linePos(range[0]));
    },
  });
  return line;
}

/** The line in which a key that stands twice stands first. */
function firstLine(document: Document, path: Path, lines: LineCounter): number | null {
  const offset = offsetAt(document, path, 'key');
  return offset === null ? null : lines.linePos(offset).line;
}

/** One mistake leads the parser to several errors in its line. */
function keepFirstOfLine(problems: Problem[]): void {
  const first = problems.filter(({ line }, index) => problems.findIndex((other) => other.line === line) === index);
  problems.splice(0, problems.length, ...first);
}

/** What the parser lets pass and the reader cannot use: an alias of nothing, and more levels than there can be. */
function misuse(document: Document): readonly (Fault & { readonly offset: number | null })[] {
  const anchors = new Set<string>();
  const found: (Fault & { readonly offset: number | null })[] = [];
  // No recursion: the depth is what is measured.
  const stack: { readonly node: unknown; readonly depth: number }[] = [{ node: document.contents, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, depth } = next;
    if (depth > DEEPEST) return [{ ...TOO_DEEP, offset: offsetOf(node) }];
    if (isNode(node) && !isAlias(node) && node.anchor !== undefined) anchors.add(node.anchor);
    // Not the alias's name: it may be a password that begins with a "*".
    if (isAlias(node) && !anchors.has(node.source)) {
      const message =
        'holds a value that begins with *, which repeats an anchor, and there is no such anchor before it';
      const remedy = 'put the text in quotes, or write &name at the value that *name is to repeat';
      found.push({ message, remedy, offset: offsetOf(node) });
    }
    const children = isPair(node) ? [node.key, node.value] : isMap(node) || isSeq(node) ? node.items : [];
    const below = isPair(node) ? depth : depth + 1;
    for (const child of [...children].reverse()) stack.push({ node: child, depth: below });
  }
  return found;
}

/** Reads YAML, of which JSON is a part. */
export function readDocument(text: string): Input {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true, stringKeys: true });
  const place = (offset: number | null): { line: number | null; column: number | null } => {
    if (offset === null) return { line: null, column: null };
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const problems = [...document.errors, ...document.warnings].map(({ code, message, pos }): Problem => {
    const path = code === 'DUPLICATE_KEY' ? pathOf(document, pos[0]) : [];
    const first = code === 'DUPLICATE_KEY' ? firstLine(document, path, lines) : null;
    const fault =
      code === 'DUPLICATE_KEY'
        ? {
            message: `is a key that stands here already${first === null ? '' : `, in line ${first}`}`,
            remedy: 'remove one of the two, or give the second one the name that was meant',
          }
        : syntaxFault(code, message, openedAt(document, pos[0], lines));
    return { path: formatPath(path), ...place(pos[0]), ...fault };
  });
  keepFirstOfLine(problems);
  // A parser whose stack is used up says so once for each level that it leaves.
  const tooDeep = problems.find(({ message }) => message === TOO_DEEP.message);
  if (tooDeep !== undefined) problems.splice(0, problems.length, tooDeep);
  if (problems.length === 0) {
    for (const { offset, ...fault } of misuse(document)) problems.push({ path: '', ...place(offset), ...fault });
  }
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
