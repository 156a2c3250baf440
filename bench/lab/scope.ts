import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Report } from '../../src/servers/report';
import { BENCH_HOME, type Options } from '../options';
import { BenchHelper, type HelperName } from './helper';
import { Owned } from './owned';
import type { Servers } from './servers';
import { BenchStream, type StreamSettings } from './stream';
import { BenchWorker, type WorkerOptions } from './worker';

const LOGS = join(BENCH_HOME, 'logs');
let names = 0;

/** What one suite starts, on servers that it may share; all of it ends with the suite. */
export class Scope extends Owned {
  readonly #options: Pick<Options, 'profile'>;
  readonly #suite: string;

  constructor(
    readonly servers: Servers,
    suite: string,
    options: Pick<Options, 'profile'>,
    readonly say: Report,
    /** Aborted by Ctrl-C. */
    readonly signal: AbortSignal,
  ) {
    super();
    this.#suite = suite.replaceAll('-', '_');
    this.#options = options;
    mkdirSync(LOGS, { recursive: true });
  }

  /** A name that no other suite on the same servers has: of a database, a stream, a queue. */
  unique(part: string): string {
    names += 1;
    return `bench_${this.#suite}_${part}_${names}`;
  }

  worker(options: Partial<WorkerOptions> = {}): Promise<BenchWorker> {
    return this.own(this.#start(options));
  }

  /** For suites that start no workers of their own: one for all that share the servers. */
  sharedWorker(): Promise<BenchWorker> {
    this.servers.worker ??= this.servers.own(this.#start({}));
    return this.servers.worker;
  }

  /** Started, copied and in step. */
  async stream(settings: StreamSettings): Promise<BenchStream> {
    const stream = await this.start(settings);
    await stream.replicating(50);
    await stream.caughtUp();
    return stream;
  }

  /** Started, and not waited for. */
  start(settings: StreamSettings): Promise<BenchStream> {
    return this.own(BenchStream.start(this.servers.temporal, settings));
  }

  #start(options: Partial<WorkerOptions>): Promise<BenchWorker> {
    const { profile } = this.#options;
    return BenchWorker.start(this.servers.uris, {
      queue: this.unique('queue'),
      logFile: join(LOGS, `${this.#suite}.log`),
      ...(profile !== undefined && { profile }),
      ...options,
    });
  }

  helper(name: HelperName): Promise<BenchHelper> {
    return this.own(BenchHelper.start(name, join(LOGS, `${this.#suite}-${name}.log`)));
  }
}
