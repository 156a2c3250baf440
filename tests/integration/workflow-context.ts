import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { systemClock } from '../../src/host/clock';
import { createActivities } from '../../src/activities';
import { toFailure } from '../../src/activities/failure';
import type { StreamSpecInput } from '../../src/config/schema';
import { WORKFLOW_TYPE, workflowId } from '../../src/protocol/names';
import {
  pumpQueue,
  type CopyResult,
  type Prepared,
  type PumpLeg,
  type PumpResult,
  type StreamActivities,
} from '../../src/protocol/stream-activities';
import { statusQuery } from '../../src/protocol/stream-messages';
import type { StreamStatus } from '../../src/protocol/stream-state';
import type { StreamView } from '../../src/protocol/stream-view';
import { ReplicationError, type ErrorKind } from '../../src/core/model/errors';
import type { Position } from '../../src/core/model/position';
import type { CopyProgress, LegProgress } from '../../src/core/pump/progress';
import type { RunningTemporal } from '../../src/servers/temporal/server';
import type { replicationStream } from '../../src/workflows/stream/stream';
import { privateTemporal } from '../support/servers';
import { sinks } from '../support/sinks';

type Handle = WorkflowHandle<typeof replicationStream>;
type DataCall = 'prepare' | 'copy' | 'pump' | 'finalize';
type Input<K extends keyof StreamActivities> = Parameters<StreamActivities[K]>[0];
type Output<K extends keyof StreamActivities> = Awaited<ReturnType<StreamActivities[K]>>;
type Act<K extends keyof StreamActivities> = (input: Input<K>) => Promise<Output<K>>;

export const at = (n: number): Position => ({ source: 'mongodb', history: 'h', token: n });
const totals = { read: 10, applied: 10, skipped: 0, bytes: 1000, schemaChanges: 0 };

export const legProgress = (position: Position | null): LegProgress => ({
  position,
  at: `position ${JSON.stringify(position?.token ?? null)}`,
  lagMs: 7,
  changesPerSecond: 12,
  windowSeconds: 3600,
  copies: null,
  totals,
});

export const copyProgress = (rows: number): CopyProgress => ({
  rows,
  estimatedRows: 100,
  bytes: rows * 10,
  estimatedBytes: 1000,
  ranges: 2,
  rangesDone: rows >= 100 ? 2 : 0,
  rowsPerSecond: 50,
  secondsLeft: 1,
  windowSeconds: 3600,
});

export const prepared = (more: Partial<Prepared> = {}): Prepared => ({
  position: at(1),
  at: 'position 1',
  resumed: false,
  copyPending: true,
  inStepAfter: null,
  namespaceCount: 2,
  copying: ['shop.orders', 'shop.customers'],
  namespaces: ['shop.orders', 'shop.customers'],
  parked: { count: 0, some: [] },
  estimate: { rows: 100, bytes: 1000, seconds: 1, windowSeconds: 3600 },
  findings: [],
  ...more,
});

export const copied = (more: Partial<CopyResult> = {}): CopyResult => ({
  reason: 'done',
  progress: copyProgress(100),
  inStepAfter: at(5),
  findings: [],
  ...more,
});

export const pumped = (position: Position, more: Partial<PumpResult> = {}): PumpResult => ({
  reason: 'slice',
  position,
  progress: legProgress(position),
  totals,
  copying: [],
  parked: { count: 0, some: [] },
  resumed: [],
  ...more,
});

/** Beats until the workflow cancels the call, as a real one does. */
export async function untilCancelled(details?: unknown): Promise<void> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(details), 50);
  try {
    await new Promise((resolve) => {
      context.cancellationSignal.addEventListener('abort', resolve, { once: true });
    });
  } finally {
    clearInterval(beat);
  }
}

/** A leg that runs until it is told to end, and hands back a position one further on. */
export const longLeg = async ({ position }: PumpLeg): Promise<PumpResult> => {
  await untilCancelled(legProgress(position));
  return pumped(at(Number(position?.token ?? 0) + 1), { reason: 'cancelled' });
};

/** Fails as the real activities do. */
export function fails(
  kind: ErrorKind,
  more: {
    readonly code?: string;
    readonly epoch?: number;
    readonly position?: Position;
    readonly message?: string;
    readonly namespace?: string;
    /** Of a call that is no leg. */
    readonly progress?: unknown;
  } = {},
): never {
  const { code = `test_${kind}`, message = `a failure of kind ${kind}`, epoch, position, namespace } = more;
  const { progress = position === undefined ? null : legProgress(position) } = more;
  const error = new ReplicationError(kind, {
    code,
    message,
    remedy: 'do this',
    ...(epoch !== undefined && { epoch }),
    ...(namespace !== undefined && { namespace }),
  });
  throw toFailure(error, { stream: 'test', interrupted: false, progress });
}

const unused = (): never => {
  throw new Error('no database here');
};
const real = createActivities({
  openSource: unused,
  openDestination: unused,
  resolveCredentials: unused,
  log: () => () => {
    // No test reads it.
  },
  meter: unused,
  clock: systemClock,
});

/** What the calls of one stream do: each takes its next act, or its usual one when none is left. */
export class Script implements StreamActivities {
  readonly calls: { readonly name: keyof StreamActivities; readonly input: unknown }[] = [];
  readonly #acts = new Map<keyof StreamActivities, unknown[]>();
  readonly #usual = new Map<keyof StreamActivities, unknown>([
    ['prepare', () => Promise.resolve(prepared())],
    ['copy', () => Promise.resolve(copied())],
    ['pump', longLeg],
    ['finalize', () => Promise.resolve([])],
    ['here', () => Promise.resolve({ position: at(100), at: 'position 100' })],
    [
      'inspectPosition',
      () => Promise.resolve({ lagMs: 90_000, windowSeconds: 7_200, windowAtLeast: false, lost: null }),
    ],
    ['catchUp', () => Promise.resolve({ target: 'position 50' })],
  ]);

  next<K extends keyof StreamActivities>(name: K, ...acts: Act<K>[]): this {
    this.#acts.set(name, [...(this.#acts.get(name) ?? []), ...acts]);
    return this;
  }

  usually<K extends keyof StreamActivities>(name: K, act: Act<K>): this {
    this.#usual.set(name, act);
    return this;
  }

  inputs<K extends keyof StreamActivities>(name: K): Input<K>[] {
    return this.calls.filter((call) => call.name === name).map(({ input }) => input as Input<K>);
  }

  /** Every epoch that was handed to a call that writes, in order. */
  get epochs(): number[] {
    const data: readonly string[] = ['prepare', 'copy', 'pump', 'finalize'] satisfies DataCall[];
    return this.calls.filter(({ name }) => data.includes(name)).map(({ input }) => (input as PumpLeg).epoch);
  }

  #play<K extends keyof StreamActivities>(name: K, input: Input<K>): Promise<Output<K>> {
    this.calls.push({ name, input });
    const act = (this.#acts.get(name)?.shift() ?? this.#usual.get(name)) as Act<K>;
    return act(input);
  }

  readonly parse = (spec: unknown) => {
    this.calls.push({ name: 'parse', input: spec });
    return real.parse(spec);
  };
  readonly revise: StreamActivities['revise'] = (revision) => {
    this.calls.push({ name: 'revise', input: revision });
    return real.revise(revision);
  };
  readonly prepare = (input: Input<'prepare'>) => this.#play('prepare', input);
  readonly copy = (input: Input<'copy'>) => this.#play('copy', input);
  readonly pump = (input: Input<'pump'>) => this.#play('pump', input);
  readonly finalize = (input: Input<'finalize'>) => this.#play('finalize', input);
  readonly here = (input: Input<'here'>) => this.#play('here', input);
  readonly inspectPosition = (input: Input<'inspectPosition'>) => this.#play('inspectPosition', input);
  readonly catchUp = (input: Input<'catchUp'>) => this.#play('catchUp', input);
}

type StreamInputPart = Partial<StreamSpecInput['stream']>;

export const specOf = (id: string, more: StreamInputPart = {}): StreamSpecInput => ({
  stream: {
    id,
    source: { type: 'mongodb', connection_string: '${env:SOURCE_URI}', database: 'shop' },
    destination: { type: 'mongodb', connection_string: '${env:TARGET_URI}' },
    retry_policy: { initial_delay: '50ms', max_delay: '100ms' },
    advanced: { heartbeat_timeout: '2s' },
    ...more,
  },
});

export async function until(what: string, met: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await met())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await pause(20);
  }
}

/** One stream under test: its script, its workflow, its worker. */
export interface Stage extends AsyncDisposable {
  readonly script: Script;
  readonly handle: Handle;
  readonly id: string;
  status(): Promise<StreamView>;
  is(status: StreamStatus): Promise<StreamView>;
  /** The `n`th call of this name has begun. */
  begun(name: keyof StreamActivities, n?: number): Promise<void>;
  /** Its worker ends. */
  leave(): Promise<void>;
}

export interface StageOptions {
  readonly script?: Script;
  readonly spec?: StreamInputPart;
  /** Instead of `specOf`: a spec that was written by hand. */
  readonly raw?: unknown;
  readonly id?: string;
  /** Of the input; none, as 0.1.0 writes it, when left out. */
  readonly version?: number;
  readonly pumpWorker?: boolean;
}

/** A Temporal server with a worker for each stage. */
export class Theatre implements AsyncDisposable {
  readonly #server: RunningTemporal;
  readonly #native: NativeConnection;
  readonly #connection: Connection;
  readonly #bundle: WorkflowBundleWithSourceMap;
  readonly client: Client;

  private constructor(
    server: RunningTemporal,
    native: NativeConnection,
    connection: Connection,
    bundle: WorkflowBundleWithSourceMap,
  ) {
    this.#server = server;
    this.#native = native;
    this.#connection = connection;
    this.#bundle = bundle;
    this.client = new Client({ connection, namespace: server.namespace });
  }

  static async open(dynamicConfig: Readonly<Record<string, number>> = {}): Promise<Theatre> {
    const logger = new DefaultLogger('ERROR');
    Runtime.install({ logger });
    const [server, bundle] = await Promise.all([
      privateTemporal({ dynamicConfig }),
      bundleWorkflowCode({ workflowsPath: require.resolve('../../src/workflows'), logger }),
    ]);
    const { address } = server;
    return new Theatre(
      server,
      await NativeConnection.connect({ address }),
      await Connection.connect({ address }),
      bundle,
    );
  }

  async worker(taskQueue: string, script: Script, pump = true): Promise<AsyncDisposable> {
    const { parse, revise, here, catchUp, inspectPosition, prepare, copy, pump: leg, finalize } = script;
    return this.work(
      taskQueue,
      { parse, revise, here, catchUp, inspectPosition },
      pump ? { prepare, copy, pump: leg, finalize } : null,
    );
  }

  /** Runs workflows and what they call on the control queue, and on the pump queue unless that is null. */
  async work(taskQueue: string, control: object, pump: object | null): Promise<AsyncDisposable> {
    const common = { connection: this.#native, namespace: this.#server.namespace, maxHeartbeatThrottleInterval: 100 };
    const workers = [
      await Worker.create({ ...common, workflowBundle: this.#bundle, sinks, taskQueue, activities: control }),
    ];
    if (pump) workers.push(await Worker.create({ ...common, taskQueue: pumpQueue(taskQueue), activities: pump }));
    const runs = workers.map((worker) => worker.run());
    return {
      [Symbol.asyncDispose]: async () => {
        for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
        await Promise.all(runs);
      },
    };
  }

  async stage({
    script = new Script(),
    spec,
    raw,
    id = `s-${randomUUID()}`,
    version,
    pumpWorker,
  }: StageOptions = {}): Promise<Stage> {
    const taskQueue = `test-${id}`;
    const worker = await this.worker(taskQueue, script, pumpWorker);
    let left: Promise<void> | undefined;
    const leave = (): Promise<void> => (left ??= Promise.resolve(worker[Symbol.asyncDispose]()));
    const handle = await this.client.workflow.start<typeof replicationStream>(WORKFLOW_TYPE, {
      workflowId: workflowId(id),
      taskQueue,
      args: [{ ...(version !== undefined && { version }), spec: (raw ?? specOf(id, spec)) as never }],
    });
    // Follows the stream through continue-as-new.
    const latest: Handle = this.client.workflow.getHandle(workflowId(id));
    const status = () => latest.query(statusQuery);
    return {
      id,
      script,
      handle: latest,
      status,
      is: async (wanted) => {
        let view = await status();
        await until(`${id} is ${wanted}, was ${JSON.stringify(view)}`, async () => {
          view = await status();
          return view.status === wanted;
        });
        return view;
      },
      leave: () => leave(),
      begun: (name, n = 1) => until(`${name} was called ${n} times`, () => script.inputs(name).length >= n),
      [Symbol.asyncDispose]: async () => {
        const { status: state } = await latest.describe();
        if (state.name === 'RUNNING') await handle.terminate();
        await leave();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
    await this.#native.close();
    await this.#server[Symbol.asyncDispose]();
  }
}
