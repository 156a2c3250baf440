import type { Io } from '../io';
import { widthOf } from './fit';

const ESCAPE = '\u001b[';

/**
 * A block of text at the end of the output that is drawn again in place. Lines `above` it stay.
 * Without a terminal a block is printed once, and again only when `key` differs.
 */
export class Screen {
  readonly #io: Io;
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
    this.#io.out.write(`${this.#erase()}${block}\n`);
    this.#block = block;
  }

  above(line: string): void {
    const again = this.#block === '' ? '' : `${this.#block}\n`;
    this.#io.out.write(`${this.#erase()}${line}\n${again}`);
  }

  /** A remark while a block is drawn: on standard error it would be drawn over in a terminal. */
  remark(line: string): void {
    if (this.#io.tty) this.above(line);
    else this.#io.err.write(`${line}\n`);
  }

  /** What is drawn stays where it is. */
  release(): void {
    this.#block = '';
  }

  #erase(): string {
    if (this.#block === '') return '';
    // A line wider than the terminal takes several of its rows, also when the terminal has become narrower since.
    const { columns } = this.#io;
    const rows = this.#block
      .split('\n')
      .reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    return `${ESCAPE}${rows}A${ESCAPE}0J`;
  }
}
