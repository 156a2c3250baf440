import type { z } from 'zod';
import { nearest } from './near';
import { readAdvice } from './fault';
import { type Found, type Path } from './problem';
import { isSection, settings, variantOf, type SchemaNode } from '../settings';
import { scrub } from '../../telemetry/scrub';

type Issue = z.core.$ZodIssue;

const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[part] : undefined,
    root,
  );

/** The schema of what stands at a path; of the variant that `type` chooses, or else of any. */
function nodeAt(root: SchemaNode, value: unknown, path: Path): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const [depth, part] of path.entries()) {
    node = typeof part === 'number' ? node.items : node.properties?.[part];
    if (node?.oneOf !== undefined) {
      const type = (valueAt(value, path.slice(0, depth + 1)) as { type?: unknown } | undefined)?.type;
      node = node.oneOf.find((option) => variantOf(option) === type) ?? node.oneOf[0];
    }
    if (node === undefined) return undefined;
  }
  return node;
}

function unknownKey(key: string, path: Path, node: SchemaNode | undefined): Found {
  const known = Object.keys(node?.properties ?? {});
  const guess = nearest(key, known);
  const elsewhere = settings()
    .filter((setting) => !isSection(setting) && setting.path.endsWith(`.${key}`))
    .map((setting) => setting.path.slice(0, -key.length - 1));
  const remedy =
    guess !== null
      ? `did you mean "${guess}"?`
      : elsewhere.length > 0
        ? `it belongs to ${[...new Set(elsewhere)].join(', or to ')}`
        : `known here: ${known.join(', ')}`;
  return { path: [...path, key], at: 'key', message: `the key "${scrub(key)}" is not known here`, remedy };
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a section with keys',
  record: 'a section with keys',
  string: 'a text',
  boolean: 'true or false',
  int: 'a whole number',
  integer: 'a whole number',
  number: 'a number',
};

const kindOf = (value: unknown): string => {
  if (value === null) return 'nothing';
  if (typeof value === 'number' && !Number.isFinite(value)) return Number.isNaN(value) ? '.nan' : '.inf';
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a fraction';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a section with keys';
  return TYPE_WORDS[typeof value] ?? 'something else';
};

const listed = (values: readonly unknown[]): string => values.map((value) => JSON.stringify(value)).join(', ');

function missing(path: Path, node: SchemaNode | undefined): Found {
  const purpose = node?.description === undefined ? '' : ` (${node.description})`;
  const name = String(path.at(-1) ?? '');
  return {
    path,
    message: 'is required and missing',
    remedy: name === 'version' ? 'add the line version: "1"' : `add "${name}"${purpose}`,
  };
}

const choice = (path: Path, actual: unknown, expected: readonly unknown[]): Found => {
  const guess = typeof actual === 'string' ? nearest(actual, expected.map(String)) : null;
  const unquoted = expected.some(
    (value) => typeof value === 'string' && typeof actual !== 'string' && value === String(actual),
  );
  const all = expected.length === 1 ? `${listed(expected)} is the only value that is known` : 'choose one of these';
  return {
    path,
    message: `expected ${expected.length === 1 ? '' : 'one of '}${listed(expected)}`,
    remedy: unquoted
      ? `put it in quotes: "${String(actual)}"`
      : guess === null
        ? all
        : `did you mean ${JSON.stringify(guess)}?`,
  };
};

const bounds = (node: SchemaNode | undefined): string => {
  if (node?.maximum === undefined) return `${node?.minimum ?? 0} or more`;
  return `from ${node.minimum ?? 0} to ${node.maximum}`;
};

function remedyOf(path: Path, expected: string, quote: boolean, node: SchemaNode | undefined): string {
  if (path.length === 0) return 'begin with version: "1" and streams:';
  const limited = node?.minimum !== undefined ? ` ${bounds(node)}` : '';
  if (!quote) return `write ${expected}${limited}, or leave the key out`;
  return typeof node?.default === 'string' ? `write a text such as "${node.default}"` : 'put it in quotes';
}

function explain(issue: Issue, root: unknown, schema: SchemaNode): readonly Found[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  const actual = valueAt(root, path);
  const node = nodeAt(schema, root, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, node));
    case 'invalid_type': {
      if (actual === undefined) return [missing(path, node)];
      const expected = TYPE_WORDS[issue.expected] ?? issue.expected;
      const quote = issue.expected === 'string' && ['number', 'boolean'].includes(typeof actual);
      return [
        {
          path,
          message: `expected ${expected}, found ${kindOf(actual)}`,
          remedy: remedyOf(path, expected, quote, node),
        },
      ];
    }
    case 'invalid_value':
      return actual === undefined ? [missing(path, node)] : [choice(path, actual, issue.values)];
    case 'invalid_union': {
      const types = (schemaVariants(schema, root, path.slice(0, -1)) ?? []).filter((type) => type !== null);
      return actual === undefined ? [missing(path, node)] : [choice(path, actual, types)];
    }
    case 'too_small':
    case 'too_big':
      if (issue.code === 'too_big' && issue.origin === 'string' && typeof actual === 'string')
        return [
          {
            path,
            message: `has ${actual.length} characters, and ${issue.maximum} are allowed`,
            remedy: 'shorten it',
          },
        ];
      if (issue.origin === 'string')
        return [{ path, message: 'is empty', remedy: 'write a value, or leave the key out' }];
      if (issue.origin === 'array')
        return [{ path, message: 'is an empty list', remedy: 'write an entry, or leave the key out' }];
      return [{ path, message: 'is out of range', remedy: `write a number ${bounds(node)}` }];
    case 'invalid_format':
    case 'custom':
      return [{ path, ...readAdvice(issue.message) }];
    case 'invalid_element':
    case 'invalid_key':
    case 'not_multiple_of':
      return [{ path, message: 'is not valid', remedy: 'docs/configuration.md describes what is expected here' }];
  }
}

const schemaVariants = (schema: SchemaNode, root: unknown, path: Path): readonly (string | null)[] | undefined => {
  const last = path.at(-1);
  const parent = nodeAt(schema, root, path.slice(0, -1));
  return (typeof last === 'string' ? parent?.properties?.[last] : undefined)?.oneOf?.map(variantOf);
};

/** What zod found, in the words of a person: what was expected there and what to do. Never the value itself. */
export const explainIssues = (issues: readonly Issue[], root: unknown, schema: SchemaNode): readonly Found[] =>
  issues.flatMap((issue) => explain(issue, root, schema));
