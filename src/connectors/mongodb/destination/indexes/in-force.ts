import type { MongoClient } from 'mongodb';
import type { Finding } from '../../../../core/model/finding';
import type { Namespace } from '../../../../core/model/namespace';
import { expires, isUnique } from './index-specs';
import { indexesOf } from './target-indexes';
import { present, type Present } from '../schema/targets';

/** Questions about targets that are under way at a time. */
const PARALLEL = 8;

/** Unique and TTL indexes that targets have while the stream writes: made by hand, or by an earlier `finalize`. */
export async function inForce(
  client: MongoClient,
  targets: ReadonlyMap<Namespace, Namespace>,
  signal: AbortSignal,
): Promise<Finding[]> {
  const there = await present(client, targets.values(), signal);
  const findings: Finding[] = [];
  const entries = targets.entries();
  const work = async (): Promise<void> => {
    for (const [source, target] of entries) {
      const now = there.get(target);
      if (now?.type === 'collection') findings.push(...(await ofTarget(client, source, now, signal)));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return findings;
}

async function ofTarget(client: MongoClient, source: Namespace, now: Present, signal: AbortSignal): Promise<Finding[]> {
  const { byName } = await indexesOf(client, now.name, signal, now);
  return [
    ...(expires(now) ? [expiring(source, `the target ${now.name} is a clustered collection that`)] : []),
    ...[...byName.values()].flatMap((index) => {
      const what = `index ${index.name} of the target ${now.name}`;
      if (expires(index)) return [expiring(source, what)];
      return isUnique(index) ? [unique(source, what)] : [];
    }),
  ];
}

const REMEDY = 'Drop it until the stream is finalized: `finalize` builds what the source has, the rest by hand.';

const unique = (namespace: Namespace, what: string): Finding => ({
  severity: 'warning',
  code: 'unique_in_force',
  message: `${what} is unique: where values move between rows, the whole stream stops for a moment to write those rows together`,
  remedy: REMEDY,
  namespace,
});

const expiring = (namespace: Namespace, what: string): Finding => ({
  severity: 'warning',
  code: 'expiry_in_force',
  message: `${what} expires rows: it may delete rows that the source has since extended`,
  remedy: REMEDY,
  namespace,
});
