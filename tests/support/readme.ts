/** One block of commands of a page, with the output that the page promises for it. */
export interface ShellBlock {
  readonly commands: string;
  readonly promised: string | undefined;
}

const BLOCK = /^```(\w*)\n([^]*?)^```$/gmu;

/** The blocks of a language, without the fences. */
export const blocksOf = (page: string, language: string): readonly string[] =>
  [...page.matchAll(BLOCK)].flatMap(([, found, text = '']) => (found === language ? [text] : []));

/** Every block of commands, in the order of the page. A `text` block right behind one is its output. */
export function shellBlocks(page: string): readonly ShellBlock[] {
  const blocks: ShellBlock[] = [];
  for (const [, language, text = ''] of page.matchAll(BLOCK)) {
    if (language === 'sh') blocks.push({ commands: text, promised: undefined });
    const last = blocks.at(-1);
    if (language === 'text' && last !== undefined) blocks.splice(-1, 1, { ...last, promised: text });
  }
  return blocks;
}

/** What a terminal shows in the end: without colours and movements, every frame of a live table below the last one. */
export const shown = (output: string): readonly string[] =>
  output
    .replace(new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'gu'), '')
    .split(/[\r\n]+/u)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/gu, '\\$&');

/** `…` stands for what varies; alone on a line, for any number of lines. Columns may be wider or narrower. */
const patternOf = (promised: string): RegExp => {
  const lines = promised.split('\n').filter((line) => line.trim() !== '');
  const patterns = lines.map((line) =>
    line.trim() === '…'
      ? '(?:.*\\n)*?'
      : `${line.trim().split(/\s+/u).map(escaped).join('\\s+').replaceAll('…', '.*')}\\n`,
  );
  return new RegExp(`^${patterns.join('')}$`, 'u');
};

/** Said where an answer takes longer than three seconds: a slow machine prints a line more. */
const WAITING = /^\S.*… \(a worker on task queue .* has to answer\)$/u;

/** Whether the output is what the page promises. */
export const keeps = (promised: string, output: string): boolean =>
  patternOf(promised).test(
    shown(output)
      .filter((line) => !WAITING.test(line))
      .map((line) => `${line.trim()}\n`)
      .join(''),
  );
