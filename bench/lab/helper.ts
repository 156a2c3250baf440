import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { BENCH_HOME } from '../options';

/** The processes beside the product: what it is compared with, and what writes. */
export type HelperName = 'bare-loop' | 'bare-copy' | 'writer';

export interface Call {
  readonly id: number;
  readonly verb: string;
  readonly argument: unknown;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A process of its own that does what it is told; it ends with this one, however this one ends. */
export class BenchHelper implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #calls = 0;

  private constructor(child: ChildProcess, name: string) {
    this.#child = child;
    child.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
    child.once('exit', () => {
      for (const [id, settle] of this.#waiting) settle({ id, error: `${name} ended` });
    });
  }

  static async start(name: HelperName, logFile: string): Promise<BenchHelper> {
    const log = openSync(logFile, 'a');
    const child = fork(bundled(name), [], {
      // Without the loader that runs the benchmark itself.
      execArgv: [],
      stdio: ['ignore', log, log, 'ipc'],
      // Ctrl-C is for the benchmark, which decides in which order things end.
      detached: true,
    });
    closeSync(log);
    await once(child, 'message');
    return new BenchHelper(child, name);
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async call<T>(verb: string, argument: unknown = null): Promise<T> {
    const id = (this.#calls += 1);
    const { value, error } = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      const call: Call = { id, verb, argument };
      this.#child.send(call, (failed) => {
        if (failed) resolve({ id, error: failed.message });
      });
    });
    this.#waiting.delete(id);
    if (error !== undefined) throw new Error(error);
    return value as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** One file without a loader, so that the memory and the processor time of the process are its own. */
function bundled(name: HelperName): string {
  const outfile = join(BENCH_HOME, 'helpers', `${name}.js`);
  buildSync({
    entryPoints: [join(__dirname, '..', 'helpers', `${name}.ts`)],
    bundle: true,
    platform: 'node',
    target: 'node20',
    packages: 'external',
    outfile,
  });
  return outfile;
}
