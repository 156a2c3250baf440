import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';

const COLUMNS = 80;
const SHOWN_WITHIN_MS = 90_000;
/** A demo on a machine that does other work as well. */
const ENDED_WITHIN_MS = 240_000;
const CTRL_C = '\u0003';
/** Printed when the shell has the terminal: a Ctrl-C that comes before is for no process, and is lost. */
const BEGUN = '\u0001';

/** Commands in a terminal of 80 columns, as a person has it: `script` of util-linux makes one. */
export class Terminal implements AsyncDisposable {
  output = '';
  /** The status, when the commands have ended; processes that they have left behind are not waited for. */
  readonly ended: Promise<number>;
  #begun = false;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Set<() => void>();

  constructor(commands: string, options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    const inside = `stty cols ${COLUMNS} rows 40 -echo; set -e; printf '\\001'; ${commands}`;
    const args =
      process.platform === 'darwin' ? ['-q', '/dev/null', '/bin/sh', '-c', inside] : ['-qefc', inside, '/dev/null'];
    this.#child = spawn('script', args, { ...options, env: { ...options.env, SHELL: '/bin/sh' } });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#begun ||= text.includes(BEGUN);
        this.output += text.replace(BEGUN, '');
        for (const look of this.#waiting) look();
      });
    this.ended = once(this.#child, 'close').then(([status]) => Number(status));
  }

  /** Waits until the output holds; rejects with it when the commands end before, or take too long. */
  async until(holds: (output: string) => boolean): Promise<void> {
    let look = (): void => undefined;
    const shown = new Promise<void>((resolve, reject) => {
      look = () => {
        if (holds(this.output)) resolve();
      };
      this.#waiting.add(look);
      look();
      void this.ended.then((status) => {
        reject(new Error(`ended with status ${status}: ${this.output}`));
      });
    });
    await this.#inTime(shown, SHOWN_WITHIN_MS, 'what is waited for was not shown in time').finally(() =>
      this.#waiting.delete(look),
    );
  }

  /** The status of commands that end by themselves; rejects with what they have printed when they take too long. */
  end(): Promise<number> {
    return this.#inTime(this.ended, ENDED_WITHIN_MS, 'the commands did not end in time');
  }

  async interrupt(): Promise<void> {
    await this.until(() => this.#begun);
    this.#child.stdin.write(CTRL_C);
  }

  async #inTime<T>(what: Promise<T>, withinMs: number, late: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${late}: ${this.output}`)), withinMs);
    });
    return Promise.race([what, over]).finally(() => clearTimeout(timer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
