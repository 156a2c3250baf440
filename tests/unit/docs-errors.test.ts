import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { SERVER_CODES } from '../../src/connectors/mongodb/error-codes';

const root = join(__dirname, '..', '..');
const CODE = "'([a-z]+(?:_[a-z]+)*)'";

/** Every way in which code of this project gives an error, a refusal or a finding its code. */
const WAYS = [
  `\\bcode: (?:[^,;\\n]*\\? )?${CODE}`,
  `\\bcode: [^,;\\n]*\\? '[a-z_]+' : ${CODE}`,
  `\\b(?:platform|refusal)\\(\\s*${CODE}`,
  `\\b(?:finding|meaning)\\(\\s*'[a-z_]+',\\s*${CODE}`,
].map((way) => new RegExp(way, 'gu'));

/** Servers for the demo and the tests tell nothing to a stream. */
const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.startsWith(`services${sep}`),
);

function inCode(): ReadonlySet<string> {
  const codes = new Set(Array.from(SERVER_CODES.values(), ({ code }) => code));
  for (const file of files) {
    const text = readFileSync(join(root, 'src', file), 'utf8');
    for (const way of WAYS) for (const [, code] of text.matchAll(way)) if (code !== undefined) codes.add(code);
  }
  return codes;
}

/** Rows of the page that name a code with its kind. */
const rows = readFileSync(join(root, 'docs', 'errors.md'), 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => cells.length === 6 && /^`[a-z_]+`$/u.test(cells[1] ?? ''))
  .map(([, code = '', kind = '', meaning = '', remedy = '']) => ({
    code: code.replaceAll('`', ''),
    kind,
    meaning,
    remedy,
  }));

const sorted = (codes: Iterable<string>): string[] => [...codes].sort();

/** Code whose errors are read on the command line too, where no stream may run and no worker is meant. */
const EVERYWHERE = /^(?:auth|config|mongodb|sources|destinations|replication)[/\\]/u;

describe('a remedy that is read where no stream may run', () => {
  it('speaks of no worker of its own, nor of going on: that is what `then` is for', () => {
    const told = files
      .filter((file) => EVERYWHERE.test(file))
      .flatMap((file) => {
        const text = readFileSync(join(root, 'src', file), 'utf8');
        return Array.from(
          text.matchAll(
            /^.*(?:in this worker|from the worker|; (?:then )?resume\b|, then resume|then apply and resume).*$/gmu,
          ),
          ([line]) => `${file}: ${line.trim()}`,
        );
      })
      .filter((line) => !/\bthen: |: \/\/|: \*|: \/\*\*/u.test(line));
    expect(told).toEqual([]);
    for (const { code, remedy } of SERVER_CODES.values())
      expect([code, remedy]).not.toEqual([code, expect.stringMatching(/resume|this worker|config check/u)]);
  });
});

describe('docs/errors.md', () => {
  it('has a row for every code, and none for a code that is gone', () => {
    expect(sorted(rows.map(({ code }) => code))).toEqual(sorted(inCode()));
  });

  it('says of each what it leads to, what it means and what to do', () => {
    const kinds = new Set(['retry', 'needs_attention', 'poison', 'fenced', 'bug', 'refusal', 'finding']);
    expect(rows.filter(({ kind, meaning, remedy }) => !kinds.has(kind) || meaning === '' || remedy === '')).toEqual([]);
  });

  it('has the kinds that server codes lead to', () => {
    const told = new Map(rows.map(({ code, kind }) => [code, kind]));
    const wrong = [...SERVER_CODES.values()].filter(({ code, kind }) => told.get(code) !== kind);
    expect(wrong).toEqual([]);
  });
});
