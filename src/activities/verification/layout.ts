import { NAMED, type VerificationCall, type VerificationLayout } from '../../protocol/verification-activities';
import type { Finding } from '../../core/model/finding';
import { hasRows } from '../../core/model/namespace';
import { touchedBetween } from '../../core/refresh/touched-keys';
import type { NotVerified, Verification } from '../../core/ports/verification';
import type { Call } from '../call';
import type { ActivityDeps } from '../deps';
import type { Pipeline } from '../open';
import { chosen, selectedNamespaces } from './namespaces';

const ROUNDS = 5;
const PAUSE_MS = 1_000;
const STIR_MS = 30_000;

const bySeverity = ({ severity }: Finding): number => ({ error: 0, warning: 1, note: 2 })[severity];

/** As with rows: what differs counts only where the source's shape did not change between the low water and now. */
export async function layoutOf(
  { clock }: Pick<ActivityDeps, 'clock'>,
  { source }: Pipeline,
  verification: Verification,
  asked: VerificationCall,
  { signal }: Call,
): Promise<VerificationLayout> {
  const selected = chosen(asked.spec, asked.namespaces);
  const settled = new Map<string, Finding>();
  let open = new Set<string>();
  let notVerified: NotVerified[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const before = await verification.readProgress(signal);
    if (before?.lowWater == null) break;
    const namespaces = (await selectedNamespaces(source, asked, signal)).filter(
      (each) => hasRows(each) || each.follows === 'derived',
    );
    notVerified = namespaces.flatMap(({ name }): NotVerified[] => {
      if (before.parked.has(name)) return [{ namespace: name, why: 'parked' }];
      return before.copying.has(name) ? [{ namespace: name, why: 'copying' }] : [];
    });
    const without = new Set(notVerified.map(({ namespace }) => namespace));
    const compared = namespaces.filter(({ name }) => !without.has(name));
    const found = await verification.layout(compared, (name) => selected(name) && !without.has(name), signal);
    const until = await source.currentPosition(signal);
    const stir = await touchedBetween(source, { from: before.lowWater, until }, [], { timeMs: STIR_MS, clock }, signal);
    const moving = ({ severity, namespace }: Finding): boolean =>
      severity === 'error' && namespace !== undefined && stir.reshaped(namespace);
    settled.clear();
    for (const finding of found) if (!moving(finding)) settled.set(idOf(finding), finding);
    open = new Set(found.filter(moving).map(({ namespace = '' }) => namespace));
    if (open.size === 0) break;
    await clock.sleep(PAUSE_MS * round, signal);
  }
  const findings = [...settled.values()].sort((a, b) => bySeverity(a) - bySeverity(b));
  return {
    findings: findings.slice(0, NAMED),
    differences: findings.filter(({ severity }) => severity === 'error').length,
    unsettled: open.size,
    notVerified: notVerified.slice(0, NAMED),
  };
}

const idOf = ({ code, namespace = '', message }: Finding): string => `${code} ${namespace} ${message}`;
