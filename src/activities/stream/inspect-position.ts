import { durationMs } from '../../config/values/duration';
import type { StreamSpec } from '../../config/schema';
import type { PositionReport, PositionToInspect } from '../../protocol/stream-activities';
import { isReplicationError } from '../../core/model/errors';
import type { Position } from '../../core/model/position';
import type { Source } from '../../core/ports/source';
import { UNKNOWN_WINDOW, windowLeft, type WindowLeft } from '../../core/plan/window';
import { runCall, type Call } from '../call';
import type { ActivityDeps } from '../deps';
import { openDestination, openSource } from '../open';
import { isReference, resolvePosition } from '../position-reference';
import { WindowGuard } from './window-guard';

async function windowOf(source: Source, atMs: number | null, signal: AbortSignal): Promise<WindowLeft> {
  if (atMs === null) return UNKNOWN_WINDOW;
  try {
    return windowLeft(await source.window(signal), atMs);
  } catch (error) {
    // Reading it may need a privilege that the stream itself does not.
    if (isReplicationError(error) && error.kind !== 'retry' && !signal.aborted) return UNKNOWN_WINDOW;
    throw error;
  }
}

/** Whether the source still has what comes next; null where it does. */
async function lossOf(source: Source, position: Position, signal: AbortSignal): Promise<PositionReport['lost']> {
  try {
    await source.check(position, signal);
    return null;
  } catch (error) {
    if (!isReplicationError(error) || error.kind !== 'needs_attention') throw error;
    const { code, message, remedy } = error;
    return { code, message, remedy };
  }
}

async function report(source: Source, position: Position, { signal, log }: Call): Promise<PositionReport> {
  const atMs = source.timeOf(position);
  const lost = await lossOf(source, position, signal);
  if (lost !== null) log('error', 'history.lost', lost);
  const left = lost === null ? await windowOf(source, atMs, signal) : { windowSeconds: 0, windowAtLeast: false };
  const newestMs = source.timeOf(await source.currentPosition(signal));
  return { lagMs: atMs === null || newestMs === null ? null : Math.max(0, newestMs - atMs), ...left, lost };
}

/** Of a position that went by reference only the ledger knows more; no other needs the destination. */
async function wholePosition(
  deps: ActivityDeps,
  spec: StreamSpec,
  position: Position,
  source: Source,
  signal: AbortSignal,
): Promise<Position> {
  if (!isReference(position)) return position;
  await using destination = await openDestination(deps, spec);
  const ledger = await destination.readLedger(spec.stream.id, signal);
  return resolvePosition(position, ledger ?? { lowWater: null, sequence: 0 }, source);
}

/** What becomes of a position while no leg runs: how far the source has gone on, and for how long it still has what comes next. */
export const inspectPosition =
  (deps: ActivityDeps) =>
  ({ spec, position, status, nextMs }: PositionToInspect): Promise<PositionReport> =>
    runCall(deps, spec.stream.id, async (call) => {
      const gauges = deps.resting?.(spec, status, nextMs);
      if (position === null) return { lagMs: null, ...UNKNOWN_WINDOW, lost: null };
      await using source = await openSource(deps, spec);
      const found = await report(source, await wholePosition(deps, spec, position, source, call.signal), call);
      const warnBelowMs = durationMs(spec.stream.advanced.window_warning);
      const meter = { window: (seconds: number, atLeast: boolean) => gauges?.window(seconds, atLeast) };
      new WindowGuard({ warnBelowMs, meter, log: call.log }).see(found);
      if (found.lagMs !== null) gauges?.lag(found.lagMs);
      return found;
    });
