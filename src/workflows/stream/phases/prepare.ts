import type { StreamSpec } from '../../../config/schema';
import type { Prepared } from '../../../protocol/stream-activities';
import type { Phase } from '../../../protocol/stream-state';
import { afterCopy } from './after-copy';
import { boundedFindings, boundedNamespaces } from '../../shared/bounded';
import { dataCalls, PREPARE_MS } from '../../shared/calls';
import { leg, succeeded } from './leg';
import { takeParked } from './parked';
import { parseSpec } from './parse';
import { record } from '../record';
import { seen, type Run } from '../run';

interface Asked {
  readonly restart: boolean;
  readonly spec: StreamSpec;
}

function adopt(run: Run, prepared: Prepared, asked: Asked): void {
  const { state } = run;
  state.ledgerExists = true;
  state.position = prepared.position;
  state.at = prepared.at;
  seen(run);
  if (asked.restart) state.restart = false;
  if (asked.restart || prepared.copyPending) state.inStepAfter = null;
  else state.inStepAfter ??= prepared.inStepAfter;
  // A reconfigure during the call may have selected more: then `prepare` runs once more.
  if (run.spec === asked.spec) state.unprepared = false;
  // What is owed from here on is copied before the stream is where it is to be finalized.
  state.caughtUp = false;
  state.copyProgress = null;
  state.sliceMs = null;
  state.findings = boundedFindings(prepared.findings);
  state.namespaceCount = prepared.namespaceCount;
  state.namespaces = boundedNamespaces({
    ...Object.fromEntries(prepared.namespaces.map((name) => [name, 'streaming'] as const)),
    ...Object.fromEntries(prepared.copying.map((name) => [name, 'copying'] as const)),
  });
  takeParked(run, prepared.parked);
}

/** Checks both sides, takes the start position and stores it, and plans the copy. */
export async function prepare(run: Run): Promise<Phase> {
  const { state } = run;
  if (!state.parsed) {
    await parseSpec(run);
    return 'prepare';
  }
  const { snapshot } = run.spec.stream;
  const { restart } = state;
  const asked = { restart, spec: run.spec };
  // A person who asks for a copy gets one, whatever the mode was at first.
  const plan = restart || snapshot.mode !== 'never';
  const prepared = await leg(run, (base) =>
    dataCalls(run, PREPARE_MS, 'prepare').prepare({
      ...base,
      // A restart mends a lost ledger too.
      ledger: restart ? 'any' : base.ledger,
      copyMode: snapshot.on_existing,
      restart,
      plan,
    }),
  );
  if (prepared === null) return 'prepare';
  succeeded(run);
  adopt(run, prepared, asked);
  const { resumed, copyPending, namespaceCount } = prepared;
  record(run, 'stream.prepared', { resumed, copyPending, namespaces: namespaceCount });
  return copyPending ? 'snapshot' : afterCopy(run);
}
