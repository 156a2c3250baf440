import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';

const COLUMNS = 80;
const PATIENCE_MS = 90_000;
const CTRL_C = '\u0003';

/** Commands in a terminal of 80 columns, as a person has it: `script` of util-linux makes one. */
export class Terminal implements AsyncDisposable {
  output = '';
  readonly ended: Promise<number>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Set<() => void>();

  constructor(commands: string, options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    const inside = `stty cols ${COLUMNS} rows 40 -echo; set -e; ${commands}`;
    const args =
      process.platform === 'darwin' ? ['-q', '/dev/null', '/bin/sh', '-c', inside] : ['-qefc', inside, '/dev/null'];
    this.#child = spawn('script', args, { ...options, env: { ...options.env, SHELL: '/bin/sh' } });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        for (const look of this.#waiting) look();
      });
    this.ended = once(this.#child, 'close').then(([status]) => Number(status));
  }

  /** Waits until the output holds; rejects with it when the commands end before, or take too long. */
  async until(holds: (output: string) => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!holds(this.output)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
      const fail = (why: string): void => {
        reject(new Error(`${why}: ${this.output}`));
      };
      void this.ended.then((status) => {
        fail(`ended with status ${status}`);
      });
      setTimeout(fail, PATIENCE_MS, 'what is waited for was not shown in time').unref();
    });
  }

  interrupt(): void {
    this.#child.stdin.write(CTRL_C);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
