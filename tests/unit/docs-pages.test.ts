import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command, Option } from 'commander';
import { program } from '../../src/cli/program';
import { testIo } from '../support/io';

const root = join(__dirname, '..', '..');
const markdown = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const pages = [...markdown('.'), ...markdown('docs'), ...markdown('docs/decisions')];
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

/** The anchors of a page, as GitHub makes them of its headings. */
const anchors = (page: string): ReadonlySet<string> =>
  new Set(
    Array.from(read(page).matchAll(/^#+ (.+)$/gmu), ([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

describe.each(pages)('%s', (page) => {
  const links = Array.from(read(page).matchAll(/\]\(([^)\s]+)\)/gu), ([, target = '']) => target).filter(
    (target) => !/^[a-z]+:/u.test(target),
  );

  it('links to pages and headings that are there', () => {
    const dead = links.filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : join(dirname(page), file);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchors(target).has(anchor);
    });
    expect(dead).toEqual([]);
  });

  it('shows commands and options that there are', () => {
    const text = read(page).replace(/^```(?!sh\b)[a-z]+\n[^]*?^```$/gmu, '');
    const shown = Array.from(text.matchAll(/(?:^|`|&& |\$\()(tributary [^`\n]*)/gmu), ([, line = '']) => line);
    expect(shown.flatMap(wrong)).toEqual([]);
  });
});

const cli = program(testIo().io);

/** What is wrong with a command line as a page shows it: an unknown command, or an option that this command does not have. */
function wrong(line: string): string[] {
  const words = line
    .replace(/(\s{3,}|\s[#>|]).*$/u, '')
    .replace(/[[\]]/gu, ' ')
    .trim()
    .split(/\s+/u)
    .slice(1);
  let command: Command = cli;
  let value: Option | undefined;
  for (const word of words) {
    if (value !== undefined) {
      value = undefined;
      continue;
    }
    if (/^-{1,2}[a-z]/iu.test(word)) {
      const option = [...command.options, ...command.createHelp().visibleOptions(command)].find(
        ({ long, short }) => long === word || short === word,
      );
      if (option === undefined) return [`${line}: no option ${word}`];
      value = option.required ? option : undefined;
    } else {
      const inner = command.commands.find((each) => each.name() === word);
      if (inner === undefined && command.commands.length > 0 && /^[a-z-]+$/u.test(word))
        return [`${line}: no command ${word}`];
      command = inner ?? command;
    }
  }
  return [];
}

test('troubleshooting tells of no error that does not exist', () => {
  const known = new Set(Array.from(read('docs/errors.md').matchAll(/^\| `([a-z_]+)`/gmu), ([, code]) => code));
  const section = read('docs/troubleshooting.md').split('## It needs attention')[1]?.split('\n## ')[0] ?? '';
  const codes = section
    .split('\n')
    .flatMap((row) => Array.from((row.split('|')[1] ?? '').matchAll(/`([a-z_]+)`/gu), ([, code]) => code));
  expect(codes.length).toBeGreaterThan(8);
  expect(codes.filter((code) => !known.has(code))).toEqual([]);
});
