import { join } from 'node:path';
import { Child } from '../../src/servers/child';
import { onFreePorts } from '../../src/servers/ports';
import { waitFor } from '../../src/servers/wait';
import { ROOT } from '../options';

export interface WorkerOptions {
  readonly queue: string;
  readonly logFile: string;
  /** Streams at a time; the product's default when left out. */
  readonly slots?: number;
  /** A directory for a CPU profile. */
  readonly profile?: string;
  /** More of the product's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

interface Uris {
  readonly source: string;
  readonly target: string;
  readonly temporal: string;
}

/** Environment variables that a stream's connection strings refer to. */
export const SOURCE_URI = 'BENCH_SOURCE_URI';
export const TARGET_URI = 'BENCH_TARGET_URI';

const DIST = process.env['TRIBUTARY_TEST_DIST'] ?? join(ROOT, 'dist');
/** As the image and the Deployment have it. */
const NODE_OPTIONS = '--max-old-space-size=256';
const READY_MS = 60_000;
const GRACE_MS = 40_000;

/** The product as people run it: `node dist/worker.js`, a process of its own. */
export class BenchWorker implements AsyncDisposable {
  readonly #profiled: boolean;

  private constructor(
    readonly child: Child,
    readonly queue: string,
    readonly metricsUrl: string,
    profiled: boolean,
  ) {
    this.#profiled = profiled;
  }

  static start(uris: Uris, options: WorkerOptions): Promise<BenchWorker> {
    return onFreePorts([undefined], (port) => BenchWorker.#at(port, uris, options));
  }

  static async #at(
    port: number,
    uris: Uris,
    { queue, logFile, slots, profile, env }: WorkerOptions,
  ): Promise<BenchWorker> {
    const profiling = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
    const child = await Child.start({
      file: process.execPath,
      args: [...profiling, join(DIST, 'worker.js')],
      logFile,
      env: {
        NODE_OPTIONS: [process.env['NODE_OPTIONS'], NODE_OPTIONS].filter(Boolean).join(' '),
        TEMPORAL_ADDRESS: uris.temporal,
        TRIBUTARY_TASK_QUEUE: queue,
        TRIBUTARY_HTTP_HOST: '127.0.0.1',
        TRIBUTARY_METRICS_PORT: String(port),
        TRIBUTARY_HEALTH_PORT: String(port),
        ...(slots !== undefined && { TRIBUTARY_MAX_CONCURRENT_STREAMS: String(slots) }),
        [SOURCE_URI]: uris.source,
        [TARGET_URI]: uris.target,
        ...env,
      },
    });
    const worker = new BenchWorker(child, queue, `http://127.0.0.1:${port}/metrics`, profile !== undefined);
    try {
      await waitFor(async () => ((await fetch(`http://127.0.0.1:${port}/readyz`)).ok ? true : undefined), {
        what: 'the start of a worker',
        timeoutMs: READY_MS,
        hopeless: () => (child.ending === undefined ? undefined : `the worker ended: ${child.ending}; see ${logFile}`),
      });
    } catch (error) {
      await child.kill('SIGKILL');
      throw error;
    }
    return worker;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** The sum of a metric over the label sets that hold `having`. */
  async metric(name: string, having = ''): Promise<number> {
    const page = await (await fetch(this.metricsUrl)).text();
    const sample = new RegExp(`^${name}(?:\\{(?<labels>.*)\\})? (?<value>\\S+)`);
    const values = page.split('\n').flatMap((line) => {
      const { labels = '', value } = sample.exec(line)?.groups ?? {};
      return value !== undefined && labels.includes(having) ? [Number(value)] : [];
    });
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** SIGTERM, waited for. */
  async drain(): Promise<void> {
    await this.child.stop(GRACE_MS);
  }

  async kill(): Promise<void> {
    await this.child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A CPU profile is written by a process that ends in an orderly way; others need not be waited for.
    await (this.#profiled ? this.drain() : this.kill());
  }
}
