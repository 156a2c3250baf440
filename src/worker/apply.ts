import { createColors } from 'picocolors';
import type { StreamSpec } from '../config/schema';
import type { Log } from '../core/ports/connector';

const TIMEOUT_MS = 60_000;

/** Makes what runs like the worker's file. A stream that cannot be applied is told, and keeps no other from running. */
export async function applyStreams(
  specs: readonly StreamSpec[],
  env: NodeJS.ProcessEnv,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  if (specs.length === 0) return;
  const [{ apply }, { connectTemporal }] = await Promise.all([import('../cli/apply/apply'), import('../cli/temporal')]);
  const nowhere = { write: () => true };
  const io = {
    out: nowhere,
    err: nowhere,
    tty: false,
    columns: 120,
    paint: createColors(false),
    env,
    script: '',
    interrupted: () => signal,
  };
  await using temporal = await connectTemporal({ env });
  const { streams, notInFile } = await apply(temporal, specs, { io, dryRun: false, timeoutMs: TIMEOUT_MS });
  for (const { stream, action, outcome, error } of streams) {
    log(outcome === 'failed' ? 'error' : 'info', 'stream.applied', { stream, action, outcome, ...error });
  }
  if (notInFile.length > 0) log('info', 'streams.not_in_file', { streams: notInFile });
}
