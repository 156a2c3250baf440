import { setTimeout as delay } from 'node:timers/promises';
import type { Io } from '../io';
import { wrap } from '../render/fit';
import { Screen } from '../render/screen';
import { streamsTable } from '../render/streams';
import { count, span } from '../render/text';
import { observe } from '../streams/observe';
import type { Temporal } from '../temporal';
import type { Written } from './writer';

const REDRAW_MS = 500;
/** Where lines cannot be drawn over, a table now and then is enough. */
const PLAIN_EVERY_MS = 5_000;
/** As wide as the time before each line of the story. */
const INDENT = ' '.repeat('123.4 s  '.length);

/** The story above, the live table below. */
export class Display {
  readonly #io: Io;
  readonly #screen: Screen;
  readonly #started = Date.now();
  #stop = new AbortController();
  #drawing: Promise<void> | undefined;

  constructor(io: Io) {
    this.#io = io;
    this.#screen = new Screen(io);
  }

  say(line: string): void {
    const at = `${((Date.now() - this.#started) / 1000).toFixed(1).padStart(5)} s`;
    const [first = '', ...more] = wrap(line, this.#io.columns - INDENT.length).split('\n');
    const rest = more.map((each) => `\n${INDENT}${each}`).join('');
    this.#screen.above(`${this.#io.paint.dim(at)}  ${first}${rest}`);
  }

  /** Draws the stream until `release`. */
  follow(temporal: Temporal, stream: string, written: Written): void {
    this.#stop = new AbortController();
    this.#drawing = this.#loop(temporal, stream, written, this.#stop.signal);
    this.#drawing.catch(() => undefined);
  }

  async release(): Promise<void> {
    this.#stop.abort();
    await this.#drawing?.catch(() => undefined);
    this.#screen.release();
  }

  async #loop(temporal: Temporal, stream: string, written: Written, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const report = await observe(temporal, stream).catch(() => undefined);
      if (report !== undefined && !stopped(signal)) {
        const { inserts, updates, deletes } = written;
        const shop = `the shop meanwhile: ${count(inserts)} inserts, ${count(updates)} updates, ${count(deletes)} deletes`;
        const key = `${report.status} ${Math.floor((Date.now() - this.#started) / PLAIN_EVERY_MS)}`;
        this.#screen.draw(`\n${streamsTable([report], this.#io)}\n${shop}`, key);
      }
      await delay(REDRAW_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Asked again after a wait: the compiler takes the first answer for the last. */
const stopped = (signal: AbortSignal): boolean => signal.aborted;

export const took = (startedMs: number): string => span(Date.now() - startedMs);
