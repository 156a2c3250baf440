import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CliError } from '../failure';
import type { Io } from '../io';
import { emit, type Format, remark } from '../output';
import { grid, type Look, prose } from '../render/table';
import { count } from '../render/text';
import { Resources } from '../resources';
import { homeDirectory } from '../workers';
import { type Compared, identical } from './compare';
import { DATABASE } from './servers';
import { STREAM, tell, type Told } from './story';

export interface DemoOptions {
  readonly io: Io;
  readonly format: Format;
  readonly seconds: number;
  readonly keep: boolean;
}

/** The documented JSON of `demo`. */
export interface DemoResult {
  readonly identical: boolean;
  readonly collections: readonly Compared[];
  readonly written: Told['written'];
  readonly webUi: string;
}

export async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const { io, format, seconds, keep } = options;
  const home = resolve(homeDirectory(io.env, 'demo'));
  await mkdir(home, { recursive: true });
  const directory = await mkdtemp(join(home, 'run-'));
  // The result is what a program reads; the story goes beside it.
  const told: Io = format === 'table' ? io : { ...io, out: io.err };
  const stopping = (): void => remark(io, 'stopping what the demo started (Ctrl-C again ends it at once)…');
  signal.addEventListener('abort', stopping, { once: true });
  try {
    await using resources = new Resources();
    await untilInterrupted(signal, async () => {
      const end = await tell({ io: told, directory, seconds }, resources, signal);
      const result = resultOf(end);
      emit(io, format, result, (data) => resultTable(data, io));
      if (!result.identical) throw new CliError('the two sides differ');
      if (keep) await stay(told, end, signal);
    });
  } catch (error) {
    io.err.write(`the demo failed; the logs of its servers and workers are in ${directory}\n`);
    throw error;
  }
  await rm(directory, { recursive: true, force: true });
  if (signal.aborted) remark(io, 'the demo has ended; everything that it started is stopped');
}

/** What fails because of Ctrl-C is no failure. */
async function untilInterrupted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const resultOf = ({ compared, written, servers }: Told): DemoResult => ({
  identical: identical(compared),
  collections: compared,
  written,
  webUi: servers.webUi,
});

export function resultTable(result: DemoResult, look: Look): string {
  const { paint } = look;
  const rows = result.collections.map((one) => [
    `${DATABASE}.${one.collection}`,
    ...[one.source, one.destination, one.onlyAtSource, one.onlyAtDestination, one.different].map(count),
  ]);
  const { inserts, updates, deletes } = result.written;
  const head = ['COLLECTION', 'SOURCE', 'DESTINATION', 'ONLY AT SOURCE', 'ONLY AT DESTINATION', 'DIFFERENT'];
  return [
    '',
    grid(look, head, rows, { right: [1, 2, 3, 4, 5] }),
    '',
    result.identical ? paint.green('IDENTICAL, byte for byte') : paint.red('DIFFERENT'),
    prose(
      look,
      `after ${count(inserts)} inserts, ${count(updates)} updates and ${count(deletes)} deletes while the stream ran,\none worker killed with SIGKILL, one pause and one resume`,
    ),
    `web UI: ${result.webUi}`,
  ].join('\n');
}

/** Everything runs on until Ctrl-C. */
async function stay(io: Io, { servers, file, writer, display }: Told, signal: AbortSignal): Promise<void> {
  const { temporal, sourceUri, targetUri, webUi } = servers;
  io.out.write(`
The shop is open again. Everything runs on until Ctrl-C. In another terminal:
  export TEMPORAL_ADDRESS=${temporal.address}
  tributary streams status ${STREAM}
  tributary streams watch ${STREAM}
  tributary streams pause ${STREAM}        # and resume
  tributary apply -f ${file} --dry-run     # after changing, say, batch_size in it
  tributary streams restart ${STREAM} --from snapshot
  mongosh "${sourceUri}"   # the source; change something in ${DATABASE}
  mongosh "${targetUri}"   # and see it here
  ${webUi}
`);
  writer.start();
  if (io.tty) display.follow(servers.temporal, STREAM, writer.written);
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}
