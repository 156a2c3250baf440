import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { ServiceError } from './errors';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly logFile: string;
}

/**
 * The shell becomes the command and keeps its process id. The guard that it leaves behind reads a pipe from this
 * process: the pipe ends however this process ends, SIGKILL included, and then the command is ended too.
 */
const GUARDED = `
(
  read -r _ && exit
  kill -CONT $$; kill -TERM $$
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    sleep 0.1; kill -0 $$ || exit 0
  done
  kill -KILL $$
) <&3 >/dev/null 2>&1 &
exec "$@" 3<&-
`;

/** A child process that does not outlive this one, with its output in a file. */
export class Child {
  readonly pid: number;
  readonly exited: Promise<void>;
  readonly #process: ChildProcess;
  #ending: string | undefined;

  private constructor(process: ChildProcess, pid: number) {
    this.#process = process;
    this.pid = pid;
    const guard = process.stdio[3] as Socket;
    // The guard may be gone already when it is told that it is not needed.
    guard.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.#ending = signal === null ? `exit status ${code ?? 'unknown'}` : `signal ${signal}`;
        // The process id is free for others from here on, so the guard must not use it.
        guard.end('ended\n');
        resolve();
      });
    });
    guard.unref();
    process.unref();
  }

  static async start(command: Command): Promise<Child> {
    await using log = await open(command.logFile, 'a');
    const child = spawn('/bin/sh', ['-c', GUARDED, 'sh', command.file, ...command.args], {
      stdio: ['ignore', log.fd, log.fd, 'pipe'],
      // A session of its own: Ctrl-C is for this process, which decides in which order things end.
      detached: true,
      env: { ...process.env, ...command.env },
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    if (child.pid === undefined) throw new ServiceError(`${command.file} has no process id`);
    return new Child(child, child.pid);
  }

  /** How it ended; `undefined` while it runs. */
  get ending(): string | undefined {
    return this.#ending;
  }

  /** Sends a signal; for one that ends the process, waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#ending !== undefined) return;
    this.#process.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.#end();
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#ending !== undefined) return;
    this.#process.kill('SIGCONT');
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), graceMs);
    await this.#end();
    clearTimeout(timer);
  }

  async #end(): Promise<void> {
    this.#process.ref();
    await this.exited;
  }

  /** Runs to the end. */
  static async run(command: Command, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const child = await Child.start(command);
    const abort = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', abort);
    await child.#end();
    signal?.removeEventListener('abort', abort);
    signal?.throwIfAborted();
    if (child.ending !== 'exit status 0') {
      throw new ServiceError(
        `${command.file} ended with ${child.ending ?? ''}; its last lines:\n${await lastLines(command.logFile)}`,
      );
    }
  }
}

export async function lastLines(file: string, count = 12): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.trimEnd().split('\n').slice(-count);
  return lines.map((line) => `  ${line.slice(0, 400)}`).join('\n');
}
