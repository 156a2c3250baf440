import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Document } from 'mongodb';
import type { StreamView } from '../../src/protocol/stream-view';
import { waitFor } from '../../src/servers/wait';
import { Pipeline, type Changed } from '../support/pipeline';
import type { WorkerProcess } from '../support/worker-process';
import type { Held, Plan, Side } from './plan';
import { Proxy, type Entrance } from './proxy';
import type { Stage } from './stage';
import { LATE } from './writer';

const HEARTBEAT = '3s';
const INSIST_MS = 60_000;
/** Activities that write. */
const WRITING = new Set(['prepare', 'copy', 'pump']);

const portOf = (address: string): number => Number(/:(\d+)(\/|$)/.exec(address)?.[1]);

const through = ({ port }: { readonly port: number }): string => `mongodb://127.0.0.1:${port}/?directConnection=true`;

/** What faults and oracle of one round share: the pipeline, the network that its workers see, and the servers behind. */
export class Round implements AsyncDisposable {
  readonly #temporals = new Map<WorkerProcess, Proxy>();
  readonly #ways = new Map<WorkerProcess, Entrance>();
  readonly #lines: string[] = [];
  readonly #began = performance.now();
  #changed: Changed = {};
  lateFollowed = false;

  private constructor(
    readonly plan: Plan,
    readonly stage: Stage,
    readonly t: Pipeline,
    readonly proxies: Record<Side, Proxy>,
    readonly clockFile: string,
    readonly uniqueIndexes: Plan['uniqueIndexes'],
  ) {}

  static async open(plan: Plan, stage: Stage, directory: string): Promise<Round> {
    const framed = { framed: true };
    const [source, destination] = await Promise.all([
      Proxy.open(portOf(stage.source.uri), framed),
      Proxy.open(portOf(stage.destination.uri), framed),
    ]);
    const clockFile = join(directory, 'clock');
    await writeFile(clockFile, '0');
    const inForce = plan.uniqueIndexes === 'in_force' && (await stage.freesValues());
    const uniqueIndexes = inForce ? 'in_force' : 'hold';
    const t = await Pipeline.open({
      temporal: stage.temporal,
      sourceUri: stage.source.uri,
      destinationUri: stage.destination.uri,
      database: 'chaos',
      workers: 0,
      workflowTaskTimeoutMs: 2000,
      source: { exclude: [LATE], options: { updates: plan.updates } },
      destination: { options: { lanes: plan.lanes, unique_indexes: uniqueIndexes } },
      stream: {
        batch_size: plan.batchSize,
        snapshot: { copy_parallelism: plan.copyParallelism },
        advanced: { heartbeat_timeout: HEARTBEAT, stall_timeout: '15s' },
      },
      env: {
        PIPELINE_SOURCE: through(source),
        TRIBUTARY_LOG_LEVEL: 'debug',
        CHAOS_CLOCK_FILE: clockFile,
        NODE_OPTIONS: `--import=${pathToFileURL(join(__dirname, 'clock.mjs')).href}`,
      },
    });
    return new Round(plan, stage, t, { source, destination }, clockFile, uniqueIndexes);
  }

  note(line: string): void {
    this.#lines.push(`${((performance.now() - this.#began) / 1000).toFixed(2)} ${line}`);
  }

  get notes(): readonly string[] {
    return this.#lines;
  }

  async startWorker(): Promise<WorkerProcess> {
    const proxy = await Proxy.open(portOf(this.stage.temporal.address), { framed: false });
    const way = await this.proxies.destination.entrance();
    const worker = await this.t.startWorker({
      TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}`,
      PIPELINE_DESTINATION: through(way),
    });
    this.#temporals.set(worker, proxy);
    this.#ways.set(worker, way);
    this.note(`worker ${worker.pid} is ready`);
    return worker;
  }

  async workers(count: number): Promise<void> {
    while (this.t.workers.length < count) await this.startWorker();
  }

  temporalOf(worker: WorkerProcess): Proxy {
    const proxy = this.#temporals.get(worker);
    if (proxy === undefined) throw new Error('a worker without its way to Temporal');
    return proxy;
  }

  /** What only this worker sees of the destination. */
  wayOf(worker: WorkerProcess): Entrance {
    const way = this.#ways.get(worker);
    if (way === undefined) throw new Error('a worker without its way to the destination');
    return way;
  }

  /** Ends a worker; it is no longer one of the pipeline's. */
  async end(worker: WorkerProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    this.note(`${signal} to worker ${worker.pid}`);
    this.t.workers.splice(this.t.workers.indexOf(worker), 1);
    const status = await worker.signal(signal);
    await this.#temporals.get(worker)?.[Symbol.asyncDispose]();
    this.#temporals.delete(worker);
    this.#ways.delete(worker);
    return status;
  }

  /** The worker that has a writing activity now. */
  atWork(during: Held = 'anything', timeoutMs = 25_000): Promise<WorkerProcess> {
    return waitFor(
      async () => {
        const { raw } = await this.t.handle.describe();
        for (const { activityType, lastWorkerIdentity } of raw.pendingActivities ?? []) {
          const name = activityType?.name ?? '';
          if (!WRITING.has(name) || (during === 'pump' && name !== 'pump')) continue;
          const found = this.t.workers.find(({ pid }) => lastWorkerIdentity?.endsWith(`:${pid}`));
          if (found !== undefined) return found;
        }
        return undefined;
      },
      { what: 'a worker at work', timeoutMs },
    );
  }

  ledger(): Promise<Document[]> {
    return this.#records('ledger');
  }

  /** Changes that were refused and passed. */
  letters(): Promise<Document[]> {
    const { client } = this.t.destination;
    return client.db('tributary').collection('dead_letters').find({ stream: this.t.id }).toArray();
  }

  async #records(collection: string): Promise<Document[]> {
    const { id } = this.t;
    return this.t.destination.client
      .db('tributary')
      .collection(collection)
      .find({ $or: [{ _id: id as never }, { _id: { $gte: `${id}/` as never, $lt: `${id}0` as never } }] })
      .toArray();
  }

  /** Everything that the destination remembers of the stream. */
  async records(): Promise<Document> {
    const [ledger, ranges, namespaces] = await Promise.all(
      ['ledger', 'ranges', 'namespaces'].map((name) => this.#records(name)),
    );
    return { ledger, ranges, namespaces };
  }

  async epoch(): Promise<number> {
    const [stream] = await this.t.destination.client
      .db('tributary')
      .collection('ledger')
      .find({ _id: this.t.id as never })
      .toArray();
    return Number(stream?.['epoch'] ?? 0);
  }

  /** Waits until a claim has raised the epoch. */
  raised(above: number, timeoutMs = 45_000): Promise<number> {
    return waitFor(
      async () => {
        const epoch = await this.epoch();
        return epoch > above ? epoch : undefined;
      },
      { what: `an epoch above ${above}`, timeoutMs },
    );
  }

  /** What a person would do: ask again until it is done. */
  insist<T extends string | object | true>(what: string, ask: () => Promise<T>, timeoutMs = INSIST_MS): Promise<T> {
    const attended = async (): Promise<T> => {
      await this.#attend();
      return ask();
    };
    return waitFor<T>(attended, { what, timeoutMs, everyMs: 200 });
  }

  /** A made-up loss of history may be met after its fault has stopped waiting for that. */
  async #attend(): Promise<void> {
    if (!this.plan.faults.some(({ kind }) => kind === 'history_error')) return;
    const { status, failure } = await this.t.status();
    if (status === 'needs_attention' && failure?.code === 'history_lost') await this.t.resume();
  }

  async reconfigure(changed: Changed): Promise<StreamView> {
    const merged: Changed = {
      source: { ...this.#changed.source, ...changed.source },
      destination: { ...this.#changed.destination, ...changed.destination },
      stream: { ...this.#changed.stream, ...changed.stream },
    };
    const view = await this.insist('a reconfigure', () => this.t.reconfigure(merged));
    this.#changed = merged;
    return view;
  }

  /** Ends all faults, and starts a worker where none is left. */
  async mend(): Promise<void> {
    for (const proxy of [...Object.values(this.proxies), ...this.#temporals.values()]) proxy.heal();
    for (const way of this.#ways.values()) way.delayMs = 0;
    await rm(this.clockFile, { force: true });
    await this.stage.mend();
    await this.workers(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage.mend();
    await this.t[Symbol.asyncDispose]();
    const proxies = [...Object.values(this.proxies), ...this.#temporals.values()];
    await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  }
}
