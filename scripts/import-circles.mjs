// Reports an import that leads back to its own file, over imports of types as well: `import-x/no-cycle` passes over these.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const FROM = /^(?:import|export)\s[^;'"]*?from\s*'(\.[^']+)'|^import\s*'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'/gmu;

/** Files that were read, for as long as they are what they were. */
const known = new Map();

function resolved(from, specifier) {
  const path = resolve(dirname(from), specifier);
  return [`${path}.ts`, resolve(path, 'index.ts')].find((file) => existsSync(file));
}

const importsIn = (path, text) =>
  Array.from(text.matchAll(FROM), ([, from, bare, dynamic]) => resolved(path, from ?? bare ?? dynamic)).filter(
    (file) => file !== undefined,
  );

function importsOf(path) {
  const modified = statSync(path).mtimeMs;
  const before = known.get(path);
  if (before?.modified === modified) return before.imports;
  const imports = importsIn(path, readFileSync(path, 'utf8'));
  known.set(path, { modified, imports });
  return imports;
}

/** The files on the way from one to another; null where there is none. Passes over `seen`, from where there was no way. */
function way(from, to, seen) {
  if (from === to) return [to];
  if (seen.has(from)) return null;
  seen.add(from);
  for (const next of importsOf(from)) {
    const rest = way(next, to, seen);
    if (rest !== null) return [from, ...rest];
  }
  return null;
}

export const noCircle = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { circle: 'This import closes a circle, types included: {{way}}. Move what both need to a third file.' },
  },
  create(context) {
    const file = context.physicalFilename;
    const seen = new Set();
    const check = ({ source }) => {
      if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return;
      const target = resolved(file, source.value);
      const found = target === undefined ? null : way(target, file, seen);
      if (found === null) return;
      const names = [file, ...found].map((path) => path.slice(context.cwd.length + 1));
      context.report({ node: source, messageId: 'circle', data: { way: names.join(' -> ') } });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};
