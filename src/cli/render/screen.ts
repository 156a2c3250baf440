import type { Io } from '../io';

const ESCAPE = '\u001b[';

/**
 * A block of text at the end of the output that is drawn again in place. Lines `above` it stay.
 * Without a terminal a block is printed once, and again only when `key` differs.
 */
export class Screen {
  readonly #io: Io;
  #drawn = 0;
  #block = '';
  #key: string | undefined;

  constructor(io: Io) {
    this.#io = io;
  }

  draw(block: string, key: string): void {
    if (!this.#io.tty) {
      if (key !== this.#key) this.#io.out.write(`${block}\n`);
      this.#key = key;
      return;
    }
    const lines = block.split('\n');
    this.#io.out.write(`${this.#erase()}${lines.join('\n')}\n`);
    this.#block = block;
    // A line wider than the terminal takes several of its rows.
    this.#drawn = lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(width(line) / this.#io.columns)), 0);
  }

  above(line: string): void {
    const again = this.#block === '' ? '' : `${this.#block}\n`;
    this.#io.out.write(`${this.#erase()}${line}\n${again}`);
  }

  /** What is drawn stays where it is. */
  release(): void {
    this.#drawn = 0;
    this.#block = '';
  }

  #erase(): string {
    return this.#drawn === 0 ? '' : `${ESCAPE}${this.#drawn}A${ESCAPE}0J`;
  }
}

// eslint-disable-next-line no-control-regex -- colours take no room on the screen
const width = (line: string): number => line.replace(/\u001b\[[0-9;]*m/g, '').length;
