import type { Effect } from './schema';
import { isSection, settings, type SchemaNode, type Setting } from './settings';

const EFFECT_WORDS: Readonly<Record<Effect, string>> = {
  live: 'live',
  restart_leg: 'next leg',
  needs_restart: 'restart',
  restart_worker: 'worker restart',
};

const code = (value: unknown): string => `\`${JSON.stringify(value)}\``;

function typeOf(node: SchemaNode): string {
  if (node.const !== undefined) return code(node.const);
  if (node.enum !== undefined) return node.enum.map(code).join(', ');
  if (node.type === 'array') return 'list of texts';
  if (node.type === 'object') return 'texts by name';
  if (typeof node.default === 'string' && /^\d+(ms|s|m|h|d)$/u.test(node.default)) return 'duration';
  if (node.type === 'integer' || node.type === 'number') {
    const kind = node.type === 'integer' ? 'whole number' : 'number';
    return node.maximum === undefined
      ? `${kind}, ${node.minimum ?? 0} or more`
      : `${kind}, ${node.minimum ?? 0} to ${node.maximum}`;
  }
  return node.type === 'boolean' ? '`true`, `false`' : 'text';
}

const fallback = ({ node, required }: Setting): string => {
  if (required) return 'required';
  return node.default === undefined ? '' : code(node.default);
};

const cell = (text: string): string => text.replaceAll('|', '\\|');

const row = (setting: Setting, section: string): string => {
  const { description = '', effect } = setting.node;
  const name = setting.path.slice(section.length).replace(/^(\[\])?\.?/u, '');
  return `| ${[`\`${name}\``, typeOf(setting.node), fallback(setting), description, effect === undefined ? '' : EFFECT_WORDS[effect]].map(cell).join(' | ')} |`;
};

const HEAD = '| key | type | default | meaning | a change takes effect |\n| --- | --- | --- | --- | --- |';

interface Section {
  readonly title: string;
  readonly path: string;
  readonly variant: string | null;
  readonly description: string;
  readonly rows: readonly Setting[];
}

/** A table for the top level, for each stream, and for each kind of source and destination. */
function sections(): readonly Section[] {
  const values = settings().filter((setting) => !isSection(setting));
  const inside = (path: string, variant: string | null): readonly Setting[] =>
    values.filter(
      (setting) =>
        setting.variant === variant &&
        (path === '' || setting.path.startsWith(`${path}.`) || setting.path.startsWith(`${path}[]`)),
    );
  const describe = (path: string): string =>
    settings().find((setting) => setting.path === path)?.node.description ?? '';
  const variants = (path: string): readonly Section[] =>
    [...new Set(values.filter((setting) => setting.path.startsWith(`${path}.`)).map(({ variant }) => variant))].map(
      (variant) => ({
        title: `\`${path}\` of type \`${variant ?? ''}\``,
        path,
        variant,
        description: describe(path),
        rows: inside(path, variant),
      }),
    );
  const plain = (path: string): Section => ({
    title: `\`${path}\``,
    path,
    variant: null,
    description: describe(path),
    rows: inside(path, null),
  });
  const top = values.filter(({ path }) => !/[.[]/u.test(path));
  return [
    { title: 'Top level', path: '', variant: null, description: '', rows: top },
    plain('service'),
    plain('authentication'),
    plain('streams'),
    ...variants('streams[].source'),
    ...variants('streams[].destination'),
  ];
}

/** The tables of docs/configuration.md: one row for every key that a file may hold. */
export const configurationTables = (): string =>
  sections()
    .map(({ title, path, description, rows }) =>
      [
        `### ${title}`,
        ...(description === '' ? [] : [`${description[0]?.toUpperCase() ?? ''}${description.slice(1)}.`]),
        [HEAD, ...rows.map((setting) => row(setting, path))].join('\n'),
      ].join('\n\n'),
    )
    .join('\n\n');
