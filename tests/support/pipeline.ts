import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { MongoClient, type Db } from 'mongodb';
import type { StreamSpecInput } from '../../src/config/schema';
import { WORKFLOW_TYPE, workflowId } from '../../src/protocol/names';
import {
  finalizeUpdate,
  reconfigureUpdate,
  restartUpdate,
  resumeUpdate,
  statusQuery,
  stopUpdate,
  type CaughtUp,
  type FinalizeReport,
} from '../../src/protocol/stream-messages';
import type { StreamView } from '../../src/protocol/stream-view';
import { waitFor } from '../../src/servers/wait';
import { forgetRecords } from './records';
import { differences } from './same';
import { sharedMongo, sharedTemporal, uniqueName } from './servers';
import { WorkerProcess } from './worker-process';

type Stream = StreamSpecInput['stream'];

export interface PipelineOptions {
  readonly temporal?: { readonly address: string; readonly namespace: string };
  readonly sourceUri?: string;
  readonly destinationUri?: string;
  readonly source?: Partial<Stream['source']>;
  readonly destination?: Partial<Stream['destination']>;
  readonly stream?: Partial<Omit<Stream, 'id' | 'source' | 'destination'>>;
  /** Written before the stream starts. */
  readonly seed?: (source: Db) => Promise<unknown>;
  readonly workers?: number;
  /** Without the suffix that makes it this test's own. */
  readonly database?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly authentication?: NonNullable<StreamSpecInput['authentication']>;
  /** How long Temporal waits for a worker that took a workflow task and does not answer: 10 s when left out. */
  readonly workflowTaskTimeoutMs?: number;
}

/** What a reconfigure may give anew. */
export type Changed = Pick<PipelineOptions, 'source' | 'destination' | 'stream' | 'authentication'>;

/** A whole pipeline as a user has it: worker processes, Temporal, two databases, one stream. Waits on positions. */
export class Pipeline implements AsyncDisposable {
  readonly id = uniqueName('stream');
  readonly taskQueue = uniqueName('queue');
  readonly workers: WorkerProcess[] = [];
  readonly #everyWorker: WorkerProcess[] = [];
  readonly source: Db;
  readonly destination: Db;
  readonly #options: PipelineOptions;
  readonly #connection: Connection;
  readonly #clients: { readonly source: MongoClient; readonly destination: MongoClient };
  readonly #uris: { readonly source: string; readonly destination: string };
  readonly client: Client;

  private constructor(options: PipelineOptions, connection: Connection, namespace: string) {
    this.#options = options;
    this.#connection = connection;
    this.client = new Client({ connection, namespace });
    this.#uris = {
      source: options.sourceUri ?? sharedMongo('source'),
      destination: options.destinationUri ?? sharedMongo('destination'),
    };
    this.#clients = {
      source: new MongoClient(this.#uris.source),
      destination: new MongoClient(this.#uris.destination),
    };
    // A name that has to be quoted in many a place.
    const database = uniqueName(options.database ?? 'shop-eu');
    this.source = this.#clients.source.db(database);
    this.destination = this.#clients.destination.db(database);
  }

  static async open(options: PipelineOptions = {}): Promise<Pipeline> {
    const { address, namespace } = options.temporal ?? sharedTemporal();
    const connection = await Connection.connect({ address });
    const pipeline = new Pipeline(options, connection, namespace);
    await options.seed?.(pipeline.source);
    for (let i = 0; i < (options.workers ?? 1); i += 1) await pipeline.startWorker();
    return pipeline;
  }

  get handle(): WorkflowHandle {
    return this.client.workflow.getHandle(workflowId(this.id));
  }

  get spec(): StreamSpecInput {
    return this.specWith({});
  }

  /** The spec with other settings, as for a reconfigure. */
  specWith(changed: Changed): StreamSpecInput {
    const { options } = this.#options.source ?? {};
    const source = { ...this.#options.source, ...changed.source, options: { ...options, ...changed.source?.options } };
    const destination = { ...this.#options.destination, ...changed.destination };
    const stream = { ...this.#options.stream, ...changed.stream };
    const authentication = changed.authentication ?? this.#options.authentication;
    return {
      ...(authentication && { authentication }),
      stream: {
        id: this.id,
        ...stream,
        source: {
          type: 'mongodb',
          connection_string: '${env:PIPELINE_SOURCE}',
          database: this.source.databaseName,
          ...source,
          options: { max_await: '100ms', ...source.options },
        },
        destination: { type: 'mongodb', connection_string: '${env:PIPELINE_DESTINATION}', ...destination },
        retry_policy: { initial_delay: '200ms', max_delay: '1s', ...stream.retry_policy },
        advanced: { heartbeat_timeout: '3s', ...stream.advanced },
      },
    };
  }

  get workerEnv(): NodeJS.ProcessEnv {
    const { address, namespace } = this.#options.temporal ?? sharedTemporal();
    return {
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      TRIBUTARY_TASK_QUEUE: this.taskQueue,
      PIPELINE_SOURCE: this.#uris.source,
      PIPELINE_DESTINATION: this.#uris.destination,
      ...this.#options.env,
    };
  }

  async startWorker(env: NodeJS.ProcessEnv = {}): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start({ ...this.workerEnv, ...env });
    this.workers.push(worker);
    this.#everyWorker.push(worker);
    return worker;
  }

  /** What all workers have logged, those that are gone included. */
  get everyLine(): string[] {
    return this.#everyWorker.flatMap(({ lines }) => lines);
  }

  /** What the worker says to Prometheus. */
  async metrics(): Promise<string> {
    const { metricsPort } = this.worker.logged('worker.ready')[0] as unknown as { readonly metricsPort: number };
    return (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  }

  /** The worker that was started first and not killed by the test yet. */
  get worker(): WorkerProcess {
    const worker = this.workers[0];
    if (!worker) throw new Error('no worker was started');
    return worker;
  }

  /** The only worker dies without a word; another one starts. */
  async replaceWorker(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const status = (await this.workers.shift()?.signal(signal)) ?? null;
    await this.startWorker();
    return status;
  }

  /** The worker that was given an activity and has not returned it yet. */
  async identityOf(activity: string): Promise<string | undefined> {
    const { raw } = await this.handle.describe();
    const pending = raw.pendingActivities?.find(({ activityType }) => activityType?.name === activity);
    return pending?.lastWorkerIdentity ?? undefined;
  }

  async start(changed: Changed = {}): Promise<void> {
    await this.client.workflow.start(WORKFLOW_TYPE, {
      workflowId: workflowId(this.id),
      taskQueue: this.taskQueue,
      args: [{ spec: this.specWith(changed) }],
      ...(this.#options.workflowTaskTimeoutMs && { workflowTaskTimeout: this.#options.workflowTaskTimeoutMs }),
    });
  }

  /** Starts the stream and waits until it is level with the source. */
  async run(): Promise<void> {
    await this.start();
    await this.caughtUp();
  }

  status(): Promise<StreamView> {
    return this.handle.query(statusQuery);
  }

  /** Waits for a condition on the status. */
  async until(what: string, holds: (view: StreamView) => boolean, timeoutMs = 60_000): Promise<StreamView> {
    let last: StreamView | undefined;
    return waitFor(
      async () => {
        last = (await this.status().catch(() => undefined)) ?? last;
        return last && holds(last) ? last : undefined;
      },
      { what, timeoutMs },
    ).catch((error: unknown) => {
      throw new Error(`${what} did not come; the stream is ${JSON.stringify(last, null, 1)}`, { cause: error });
    });
  }

  async caughtUp(timeoutMs = 60_000): Promise<void> {
    await this.handle.executeUpdate<CaughtUp, [{ timeoutMs: number }]>('catchUp', { args: [{ timeoutMs }] });
  }

  pause(): Promise<StreamView> {
    return this.handle.executeUpdate<StreamView, []>('pause');
  }

  resume(): Promise<StreamView> {
    return this.handle.executeUpdate(resumeUpdate);
  }

  restart(): Promise<StreamView> {
    return this.handle.executeUpdate(restartUpdate, { args: [{ from: 'snapshot' }] });
  }

  stop(): Promise<StreamView> {
    return this.handle.executeUpdate(stopUpdate);
  }

  reconfigure(changed: Changed): Promise<StreamView> {
    // The checked spec has defaults that the given one leaves out.
    return this.handle.executeUpdate<StreamView, [StreamSpecInput]>(reconfigureUpdate.name, {
      args: [this.specWith(changed)],
    });
  }

  finalize(): Promise<FinalizeReport> {
    return this.handle.executeUpdate(finalizeUpdate);
  }

  /** How the workflow ended. */
  result(): Promise<StreamView> {
    return this.handle.result() as Promise<StreamView>;
  }

  /** The stream rests until a person acts; answers with why. */
  async needsAttention(code: string, timeoutMs?: number): Promise<StreamView> {
    return this.until(
      `needs attention: ${code}`,
      ({ status, failure }) => status === 'needs_attention' && failure?.code === code,
      timeoutMs,
    );
  }

  async expectSame(): Promise<void> {
    expect(await differences(this.source, this.destination)).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker[Symbol.asyncDispose]()));
    await this.handle.terminate('the test has ended').catch(() => undefined);
    await this.#connection.close();
    await forgetRecords(this.#clients.destination, this.id).catch(() => undefined);
    await Promise.all([this.source, this.destination].map((db) => db.dropDatabase().catch(() => undefined)));
    await Promise.all(Object.values(this.#clients).map((client) => client.close()));
  }
}
