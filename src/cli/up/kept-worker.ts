import { setTimeout as delay } from 'node:timers/promises';
import { type Child, lastLines } from '../../servers/child';
import { CliError } from '../failure';
import { span } from '../render/text';
import { startWorkerProcess, type WorkerProcess } from '../workers';
import { BackOff } from './back-off';

/** A worker process that is replaced when it ends. */
export class KeptWorker {
  /** Rejects when workers fail at their start again and again. Never resolves. */
  readonly failed: Promise<never>;
  readonly #options: WorkerProcess;
  readonly #say: (line: string) => void;
  readonly #backOff = new BackOff();
  readonly #stop = new AbortController();
  #child: Child;

  private constructor(options: WorkerProcess, first: Child, say: (line: string) => void) {
    this.#options = options;
    this.#say = say;
    this.#child = first;
    this.failed = this.#keep();
    this.failed.catch(() => undefined);
  }

  static async start(options: WorkerProcess, say: (line: string) => void): Promise<KeptWorker> {
    const first = await startWorkerProcess(options);
    say(`worker ${first.pid}, log in ${options.logFile}`);
    return new KeptWorker(options, first, say);
  }

  /** Ends the worker that runs; none follows. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort();
    await this.#child.stop(graceMs);
  }

  /** Asked again after each wait: the compiler takes the first answer for the last. */
  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #keep(): Promise<never> {
    const { logFile } = this.#options;
    for (;;) {
      const startedMs = performance.now();
      const { pid, exited } = this.#child;
      await exited;
      if (this.#stopped()) return new Promise<never>(() => undefined);

      const ending = this.#child.ending ?? 'no status';
      const failed = ending.startsWith('exit') && ending !== 'exit status 0';
      const delayMs = this.#backOff.after({ ranMs: performance.now() - startedMs, failed });
      if (delayMs === null) throw await neverRan(ending, logFile);
      this.#say(`worker ${pid} ended with ${ending}; another one starts in ${span(delayMs)}`);
      await delay(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stopped()) return new Promise<never>(() => undefined);

      const next = await startWorkerProcess(this.#options);
      this.#child = next;
      // Stopped while the process was being started: `stop` has ended the one before it.
      if (this.#stopped()) await next.stop(0);
      else this.#say(`worker ${next.pid} goes on`);
    }
  }
}

const neverRan = async (ending: string, logFile: string): Promise<CliError> =>
  new CliError(
    `the worker ended with ${ending} at its start, several times in a row; its last lines:\n${await lastLines(logFile)}`,
    `see ${logFile}`,
  );
