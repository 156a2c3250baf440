import type { Prepared } from '../activities/contract';
import { afterCopy } from './after-copy';
import { boundedFindings, boundedNamespaces } from './bounded';
import { dataCalls, PREPARE_MS } from './calls';
import { leg, succeeded } from './leg';
import { parseSpec } from './parse';
import { record } from './record';
import type { Run } from './run';
import type { Phase } from './state';

function adopt(run: Run, prepared: Prepared, restarted: boolean): void {
  const { state } = run;
  state.ledgerExists = true;
  state.position = prepared.position;
  state.at = prepared.at;
  if (restarted) state.restart = false;
  if (restarted || prepared.copyPending) state.inStepAfter = null;
  else state.inStepAfter ??= prepared.inStepAfter;
  state.copy = null;
  state.copyMode = null;
  state.copyProgress = null;
  state.sliceMs = null;
  state.findings = boundedFindings(prepared.findings);
  state.namespaceCount = prepared.namespaceCount;
  state.namespaces = boundedNamespaces({
    ...Object.fromEntries(prepared.namespaces.map((name) => [name, 'streaming'] as const)),
    ...Object.fromEntries(prepared.copying.map((name) => [name, 'copying'] as const)),
  });
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
  // A person who asks for a copy gets one, whatever the mode was at first.
  const plan = restart || snapshot.mode !== 'never' || state.copy !== 'all';
  const prepared = await leg(run, (base) =>
    dataCalls(run, PREPARE_MS, 'prepare').prepare({
      ...base,
      copy: state.copy ?? 'all',
      copyMode: state.copyMode ?? snapshot.on_existing,
      restart,
      plan,
    }),
  );
  if (prepared === null) return 'prepare';
  succeeded(run);
  adopt(run, prepared, restart);
  const { resumed, copyPending, namespaceCount } = prepared;
  record(run, 'stream.prepared', { resumed, copyPending, namespaces: namespaceCount });
  return copyPending ? 'snapshot' : afterCopy(run);
}
