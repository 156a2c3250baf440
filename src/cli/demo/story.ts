import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../../config/load';
import { toSpec } from '../../config/spec';
import { workflowId } from '../../protocol/names';
import { pauseUpdate, resumeUpdate } from '../../protocol/stream-messages';
import type { StreamView } from '../../protocol/stream-view';
import { abortable } from '../../core/async/abortable';
import { type Child } from '../../servers/child';
import { apply } from '../apply/apply';
import { CliError } from '../failure';
import type { Io } from '../io';
import { count } from '../render/text';
import type { Resources } from '../resources';
import { observe } from '../streams/observe';
import { waitUntil } from '../streams/wait';
import type { Temporal } from '../temporal';
import { startWorkerProcess } from '../workers';
import { type Compared, compare } from './compare';
import { Display, took } from './display';
import { followLag } from './follow-lag';
import { Random } from './random';
import { seed } from './seed';
import { type DemoServers, startServers } from './servers';
import { type Written, Writer } from './writer';

export interface StoryOptions {
  readonly io: Io;
  readonly directory: string;
  /** How long the shop stays open. */
  readonly seconds: number;
}

export interface Told {
  readonly compared: readonly Compared[];
  readonly written: Written;
  readonly servers: DemoServers;
  readonly file: string;
  readonly writer: Writer;
  readonly display: Display;
}

export const STREAM = 'shop';
const STEP_TIMEOUT_MS = 90_000;
/** A small machine with other work takes its time. */
const CATCH_UP_TIMEOUT_MS = 300_000;
const PAUSE_MS = 3_000;
/** After the pause, changes are followed for a while, however long the copy took. */
const FOLLOW_MS = 5_000;
const POLL_MS = 200;

const CONFIG = `version: "1"
service: { metrics_port: 0, health_port: 0 }
streams:
  - id: ${STREAM}
    name: the demo's shop
    source:      { type: mongodb, connection_string: "\${env:DEMO_SOURCE_URI}", database: shop }
    destination: { type: mongodb, connection_string: "\${env:DEMO_TARGET_URI}" }
    advanced:    { heartbeat_timeout: 5s }   # how soon a killed worker is noticed
`;

/** Each step in one line; `resources` holds what has to be closed at the end, however it comes. */
export async function tell(options: StoryOptions, resources: Resources, signal: AbortSignal): Promise<Told> {
  const { io, directory, seconds } = options;
  const display = new Display(io);
  const say = (line: string): void => display.say(line);
  const phase = async <T>(work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    // Many of these take no signal. What they still do ends when the connections are closed.
    return abortable(work(), signal);
  };

  say('starting Temporal with its web UI and two databases…');
  const servers = await startServers(directory, io.env, say, resources, signal);
  say(`web UI: ${servers.webUi}`);

  let started = Date.now();
  const rows = await phase(() => seed(servers.source, new Random(42), signal));
  say(`filled the source: ${count(rows)} customers, products and orders in ${took(started)}`);

  const file = `${directory}/streams.yaml`;
  await writeFile(file, CONFIG);
  const workers = new Workers(options, servers, file, resources);
  await workers.start();
  say(`started worker ${workers.pid}`);

  const writer = new Writer(servers.source, say);
  writer.start();
  resources.defer(() => writer.stop());
  say('the shop opens: orders are placed, moved on and cancelled all the time');

  const { temporal } = servers;
  const wait = { stream: STREAM, timeoutMs: CATCH_UP_TIMEOUT_MS, say };
  const config = loadConfig(file);
  const applied = await phase(() =>
    apply(temporal, [toSpec(config, STREAM)], { io, dryRun: false, timeoutMs: STEP_TIMEOUT_MS }),
  );
  const [failed] = applied.streams.flatMap(({ error }) => (error === null ? [] : [error]));
  if (failed !== undefined) throw new CliError(failed.message, failed.remedy);
  say(`started stream ${STREAM}: copies what is there, then follows what changes`);
  display.follow(temporal, STREAM, writer.written);
  resources.defer(() => display.release());

  const open = Date.now();
  const until = (fraction: number) =>
    delay(Math.max(0, open + seconds * fraction * 1000 - Date.now()), undefined, { signal });
  const handle = temporal.client.workflow.getHandle(workflowId(STREAM));

  await phase(() => copyBegun(temporal, signal));
  const killed = workers.pid;
  await workers.kill();
  say(`killed worker ${killed} with SIGKILL, in the middle of the copy`);
  await workers.start();
  say(`started worker ${workers.pid}: goes on from the last position once Temporal misses the first one's heartbeat`);

  await phase(() => waitUntil(temporal, { ...wait, until: 'snapshot-done' }, signal));
  say('the copy is done; from here on changes are followed as they happen');

  await until(0.7);
  started = Date.now();
  await phase(() =>
    handle.executeUpdate<StreamView, [{ reason: string }]>(pauseUpdate.name, { args: [{ reason: 'the demo' }] }),
  );
  say(`paused in ${took(started)}: nothing is being written, the shop stays open`);
  await delay(PAUSE_MS, undefined, { signal });
  await phase(() => handle.executeUpdate(resumeUpdate));
  say('resumed');
  const lag = await phase(() => followLag(servers, FOLLOW_MS, signal));
  say(`following live: a new order is at the destination after ${lag.medianMs} ms (median of ${lag.orders} measured)`);
  await until(1);
  await writer.stop();
  say('the shop closes; waiting for the stream to pass the source as of now');
  const { target, waitedMs } = await phase(() => waitUntil(temporal, { ...wait, until: 'caught-up' }, signal));
  say(`caught up with ${target ?? 'the source'} in ${waitedMs} ms; comparing both sides, byte for byte`);
  await display.release();

  const compared = await phase(() => compare(servers.source, servers.target));
  return { compared, written: writer.written, servers, file, writer, display };
}

/** Some of the rows are copied; where copying takes a moment only, it may be over already. */
async function copyBegun(temporal: Temporal, signal: AbortSignal): Promise<void> {
  for (const deadline = Date.now() + STEP_TIMEOUT_MS; ;) {
    const { status, worker, view } = await observe(temporal, STREAM);
    if (view !== null && (view.phase === 'replicate' || (view.copy !== null && view.copy.rows > 0))) return;
    if (status === 'needs_attention') throw new CliError(view?.failure?.message ?? status, view?.failure?.remedy);
    if (Date.now() > deadline) {
      throw new CliError(worker === 'silent' ? 'no worker answers' : `the stream is still ${status}`);
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

/** One worker process at a time. */
class Workers {
  readonly #options: StoryOptions;
  readonly #servers: DemoServers;
  readonly #file: string;
  #count = 0;
  #child: Child | undefined;

  constructor(options: StoryOptions, servers: DemoServers, file: string, resources: Resources) {
    this.#options = options;
    this.#servers = servers;
    this.#file = file;
    resources.defer(async () => this.#child?.stop(10_000));
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const { io, directory } = this.#options;
    const { temporal, sourceUri, targetUri } = this.#servers;
    this.#count += 1;
    this.#child = await startWorkerProcess({
      io,
      temporal,
      file: this.#file,
      logFile: `${directory}/worker-${this.#count}.log`,
      env: { DEMO_SOURCE_URI: sourceUri, DEMO_TARGET_URI: targetUri, NODE_ENV: 'production' },
    });
  }

  async kill(): Promise<void> {
    await this.#child?.kill('SIGKILL');
  }
}
