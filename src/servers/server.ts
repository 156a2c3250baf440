import { Child, lastLines, type Command } from './child';
import { reasonOf, ServiceError } from './errors';

/** One server that was started here, whatever it runs in. */
export interface Server {
  readonly pid: number | undefined;
  /** Resolves when what was started last has ended, with how: `signal SIGKILL`. */
  readonly ended: Promise<string>;
  /** Starts it, again too, and returns when it really answers. */
  start(): Promise<void>;
  kill(signal: ServerSignal): Promise<void>;
  stop(): Promise<void>;
}

export type ServerSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT';

export interface ProcessServerOptions {
  readonly command: Command;
  /** Returns when the server answers; `ending` says how it ended, if it did. */
  readonly ready: (ending: () => string | undefined) => Promise<void>;
}

const GRACE_MS = 10_000;

export class ProcessServer implements Server {
  readonly #options: ProcessServerOptions;
  #child: Child | undefined;

  constructor(options: ProcessServerOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.ending === undefined ? this.#child?.pid : undefined;
  }

  get ended(): Promise<string> {
    const child = this.#child;
    return child === undefined ? Promise.resolve('no start') : child.exited.then(() => child.ending ?? 'no status');
  }

  async start(): Promise<void> {
    const { command, ready } = this.#options;
    const child = await Child.start(command);
    this.#child = child;
    try {
      const ending = (): string | undefined =>
        child.ending === undefined ? undefined : `it ended with ${child.ending}`;
      await ready(ending);
      // Another server at its port may have answered in its place.
      const ended = ending();
      if (ended !== undefined) throw new ServiceError(ended);
    } catch (error) {
      await child.kill('SIGKILL');
      throw new ServiceError(
        `${command.file} did not start: ${reasonOf(error)}; the last lines of its log:\n${await lastLines(command.logFile)}`,
      );
    }
  }

  async kill(signal: ServerSignal): Promise<void> {
    await this.#child?.kill(signal);
  }

  async stop(): Promise<void> {
    await this.#child?.stop(GRACE_MS);
  }
}
