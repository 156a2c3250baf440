import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');

/** Words that hide which component is meant, or that have another name in docs/glossary.md. */
const ANYWHERE: readonly (readonly [word: RegExp, instead: string])[] = [
  [/\b(whoever|whomever|whom|nobody|somebody)\b/iu, 'the name of the component, the command or the person'],
  [/\bcomes? to pass\b/iu, 'the verb for what happens'],
  [/\b(laid|lay|lays|laying) out\b/iu, 'what is done: targets are created, copies planned, lanes opened'],
  [/\bformer sel(f|ves)\b/iu, 'the process that had this identity before'],
  [/\b(inline cop(y|ies)|cop(y|ies|ied|ying) (beside|inside) the stream)\b/iu, 'backfill'],
  [/\brefused changes?\b/iu, 'rejected change'],
  [/\b(is|are|was|were|be|been) looked at\b/iu, 'read, inspected, checked or rechecked'],
];

/** Code may call a variable `letter`; a sentence may not. */
const IN_PROSE: typeof ANYWHERE = [[/(?<!dead[ -])\bletters?\b/iu, 'dead letter']];

/** The text without code: pages lose their code spans and blocks, sources keep their comments alone. */
function prose(name: string, text: string): string {
  if (name.endsWith('.md')) return text.replace(/^```[^]*?^```/gmu, '').replace(/`[^`\n]*`/gu, '');
  return [...text.matchAll(/\/\*\*?[^]*?\*\/|(?<=^|\s)\/\/ .*$/gmu)].map(([comment]) => comment).join('\n');
}

/** Comments and paragraphs are wrapped: a word may stand on the next line. */
const unwrapped = (text: string): string => text.replace(/\s*\n\s*(?:\*|\/\/)?\s*/gu, ' ').replace(/`[^`]*`/gu, '``');

const found = (words: typeof ANYWHERE, text: string): string[] =>
  words.flatMap(([word, instead]) => {
    const hit = word.exec(text);
    return hit === null ? [] : [`…${text.slice(Math.max(0, hit.index - 40), hit.index + 40)}… (write ${instead})`];
  });

const unplain = (name: string, text: string): string[] => [
  ...found(ANYWHERE, unwrapped(text)),
  ...found(IN_PROSE, unwrapped(prose(name, text))),
];

const below = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

const files = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...below('docs', '.md'), ...below('src', '.ts')];

it('hold in code and pages', () => {
  expect(files.length).toBeGreaterThan(300);
  const problems = files.flatMap((name) =>
    unplain(name, readFileSync(join(root, name), 'utf8')).map((problem) => `${name}: ${problem}`),
  );
  expect(problems).toEqual([]);
});

describe('are missed', () => {
  it.each([
    ['/** Whoever\n * closes it. */', 'the name of the component'],
    ["throw fenced('somebody else writes')", 'the name of the component'],
    ['// Once all is laid\n// out.', 'targets are created'],
    ['/** Fails what its former self had. */', 'the process that had'],
    ['/** Plans copies beside the stream. */', 'backfill'],
    ['// A refused change is passed.', 'rejected change'],
    ['// It is looked at again.', 'rechecked'],
    ['/** Each letter has a reason. */', 'dead letter'],
  ])('in a source: %s', (text, instead) => {
    expect(unplain('a.ts', text)).toEqual([expect.stringContaining(instead)]);
  });

  it.each([
    ['The row of a letter is behind.', 'dead letter'],
    ['It then comes\nto pass.', 'the verb'],
    ['Nobody reads it.', 'the name of the component'],
  ])('in a page: %s', (text, instead) => {
    expect(unplain('a.md', text)).toEqual([expect.stringContaining(instead)]);
  });
});

it.each([
  ['a.ts', "const letters = deadLetters(); // A dead letter has a reason.\nconst text = 'letters and digits';"],
  ['a.md', 'The answer has `letters`.\n\n```json\n{ "letters": 1 }\n```\n\nA dead letter was laid aside.'],
])('leave plain text in %s alone: %s', (name, text) => {
  expect(unplain(name, text)).toEqual([]);
});
