import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { strictJson } from './strict-json';

export interface LogLine {
  readonly event?: string;
  readonly level?: string | number;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

const running = new Set<ChildProcess>();

/** Ctrl-C leaves no worker behind; servers notice by themselves that no process is left. A frozen one ends by SIGKILL alone. */
export function endWorkersWithProcess(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      for (const child of running) child.kill('SIGKILL');
      process.kill(process.pid, signal);
    });
}

/** A worker as people run it: `node dist/worker.js` in a process of its own. */
export class WorkerProcess implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        for (const look of this.#waiting) look();
      });
    }
  }

  static async start(env: NodeJS.ProcessEnv): Promise<WorkerProcess> {
    const dist = process.env['TRIBUTARY_TEST_DIST'] ?? join(__dirname, '..', '..', 'dist');
    const child = spawn(process.execPath, [join(dist, 'worker.js')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TRIBUTARY_HEALTH_PORT: '0', TRIBUTARY_METRICS_PORT: '0', ...env },
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const worker = new WorkerProcess(child);
    await worker.line((text) => text.includes('worker.ready'), 30_000);
    return worker;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How it ended, however that came; `undefined` while it runs. */
  get ending(): string | number | undefined {
    return this.#child.signalCode ?? this.#child.exitCode ?? undefined;
  }

  /** What it logged with this event name. */
  logged(event: string): LogLine[] {
    return this.lines.flatMap((line) => {
      if (!line.startsWith('{')) return [];
      const parsed = strictJson(line) as LogLine;
      return parsed.event === event ? [parsed] : [];
    });
  }

  /** The first line, past or to come, that fits. */
  async line(fits: (text: string) => boolean, timeoutMs = 60_000): Promise<string> {
    const found = (): string | undefined => this.lines.find(fits);
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#waiting.delete(look);
        this.#child.off('exit', exited);
        clearTimeout(timer);
        settle();
      };
      const look = (): void => {
        const line = found();
        if (line !== undefined) finish(() => resolve(line));
      };
      const tail = (): string => this.lines.slice(-20).join('\n');
      const exited = (): void => finish(() => reject(new Error(`the worker ended before that line:\n${tail()}`)));
      const timer = setTimeout(() => finish(() => reject(new Error(`no such line in time:\n${tail()}`))), timeoutMs);
      this.#child.on('exit', exited);
      this.#waiting.add(look);
      look();
    });
  }

  /** SIGKILL and SIGTERM are waited for; answers the exit status. */
  async signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await exited;
    return this.#child.exitCode;
  }

  /** Whatever a test was about, every line of its worker has to be in order. One that was being written may be cut off. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal('SIGKILL');
    for (const line of this.lines) if (line.startsWith('{') && line.endsWith('}')) strictJson(line);
  }
}
