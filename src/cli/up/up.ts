import { mkdir } from 'node:fs/promises';
import { durationMs } from '../../config/values/duration';
import type { Config } from '../../config/schema';
import { toSpec } from '../../config/spec';
import { SEARCH_ATTRIBUTES } from '../../protocol/names';
import { abortable } from '../../core/async/abortable';
import { startTemporal } from '../../servers/temporal/server';
import { apply } from '../apply/apply';
import type { Io } from '../io';
import { emit, type Format, remark } from '../output';
import { appliedTable } from '../render/plan';
import { Screen } from '../render/screen';
import { watch } from '../streams/watch';
import { Resources } from '../resources';
import { connectTemporal, type Temporal } from '../temporal';
import { homeDirectory } from '../workers';
import { KeptTemporal } from './kept-temporal';
import { KeptWorker } from './kept-worker';

export interface UpOptions {
  readonly io: Io;
  readonly file: string;
  readonly profile: string | undefined;
  readonly format: Format;
}

const PORT = 7233;
const UI_PORT = 8233;
const APPLY_TIMEOUT_MS = 60_000;
/** Beyond the worker's own grace, in which it hands its positions back. */
const STOP_MARGIN_MS = 5_000;

export async function up(options: UpOptions, config: Config, signal: AbortSignal): Promise<void> {
  const { io, file, profile, format } = options;
  const home = homeDirectory(io.env, 'up');
  await mkdir(home, { recursive: true });
  await using resources = new Resources();
  const screen = new Screen(io);
  const say = (line: string): void => (format === 'table' ? screen.remark(line) : remark(io, line));
  const temporal = await reachTemporal(options, { home, resources, say }, signal).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (temporal === undefined) return;
  const worker = await KeptWorker.start({ io, temporal, profile, file, logFile: `${home}/worker.log` }, say);
  const graceMs = durationMs(config.service.graceful_shutdown_timeout) + STOP_MARGIN_MS;
  resources.defer(async () => {
    remark(io, 'draining the worker (Ctrl-C again ends it at once)…');
    await worker.stop(graceMs);
  });

  const specs = config.streams.map(({ id }) => toSpec(config, id));
  const applied = await interruptible(
    Promise.race([apply(temporal, specs, { io, dryRun: false, timeoutMs: APPLY_TIMEOUT_MS }), worker.failed]),
    signal,
  );
  if (applied === undefined) return;
  emit(io, format, applied, (data) => `${appliedTable(data, io)}\n`);
  await Promise.race([watch(temporal, { io, format, screen }, signal), worker.failed]);
}

/** Undefined when Ctrl-C comes first. */
const interruptible = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> =>
  abortable(promise, signal).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });

interface Place {
  readonly home: string;
  readonly resources: Resources;
  readonly say: (line: string) => void;
}

/** The server that is configured; an embedded one when nothing is configured and none answers. */
async function reachTemporal(
  { io, profile }: UpOptions,
  { home, resources, say }: Place,
  signal: AbortSignal,
): Promise<Temporal> {
  const configured = io.env['TEMPORAL_ADDRESS'] !== undefined || profile !== undefined;
  const found = await connectTemporal({ env: io.env, profile, signal }).catch((error: unknown) => {
    if (configured || signal.aborted) throw error;
    return undefined;
  });
  if (found !== undefined) return resources.use(found);

  const server = await startTemporal(
    {
      own: true,
      signal,
      dbFilename: `${home}/temporal.db`,
      port: PORT,
      uiPort: UI_PORT,
      searchAttributes: Object.fromEntries(Object.values(SEARCH_ATTRIBUTES).map((name) => [name, 'Keyword' as const])),
    },
    (line) => remark(io, line),
  );
  resources.use(new KeptTemporal(server, say));
  remark(io, `Temporal at ${server.address}, web UI at ${server.uiUrl ?? '-'}`);
  if (server.address !== `127.0.0.1:${PORT}`)
    remark(io, `for other terminals: export TEMPORAL_ADDRESS=${server.address}`);
  return resources.use(
    await connectTemporal({
      env: { ...io.env, TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace },
      signal,
    }),
  );
}
