import type { VerificationCall, VerificationRepaired } from '../../protocol/verification-activities';
import type { RepairAsk } from '../../core/ports/destination';
import type { Verification } from '../../core/ports/verification';
import type { Call } from '../call';
import type { ActivityDeps } from '../deps';
import type { Pipeline } from '../open';

const ASKED_AT_ONCE = 1_000;
/** A stream that copies none of them for this long is not going to. */
const PATIENCE_MS = 60_000;
const POLL_MS = 200;

/** Only the stream writes rows: a verification asks it for fresh copies, and waits until they are written. */
export async function repair(
  { clock }: Pick<ActivityDeps, 'clock'>,
  { destination }: Pipeline,
  verification: Verification,
  { spec }: VerificationCall,
  { signal, report }: Call,
): Promise<VerificationRepaired> {
  const { id } = spec.stream;
  let asked = 0;
  let left = 0;
  report(() => ({ asked, left }));
  for (let after: string | null = null; ;) {
    const page = { limit: ASKED_AT_ONCE, after };
    const { list, last }: Awaited<ReturnType<Verification['differences']>> = await verification.differences(
      { state: 'damaged' },
      page,
      signal,
    );
    if (list.length === 0) break;
    const asks = list.map(({ namespace, key }): RepairAsk => ({ namespace, key, reason: 'verify' }));
    await destination.askRepairs(id, asks, signal);
    asked += list.length;
    after = last;
  }
  if (asked === 0) return { asked, left };
  let deadline = clock.monotonic() + PATIENCE_MS;
  for (left = await destination.repairsLeft(id, signal); left > 0 && clock.monotonic() < deadline && !signal.aborted;) {
    await clock.sleep(POLL_MS, signal);
    const now = await destination.repairsLeft(id, signal);
    if (now < left) deadline = clock.monotonic() + PATIENCE_MS;
    left = now;
  }
  signal.throwIfAborted();
  await verification.reopen(signal);
  return { asked, left };
}
