import { Binary, type MongoClient } from 'mongodb';
import { classify, isPassing } from '../../errors';
import type { Log } from '../../../../core/ports/connector';
import type { ReplicationError } from '../../../../core/model/errors';
import type { Finding } from '../../../../core/model/finding';
import type { Namespace, SourceNamespace } from '../../../../core/model/namespace';
import type { Fence } from '../ledger/fence';
import { HELD, differences, expires, isUnique, specification, type Index } from './index-specs';
import type { Namespaces } from '../schema/namespaces';
import { placeIndex } from './place-index';
import { indexesOf, onIndexes } from './target-indexes';

/**
 * Unique indexes would refuse values that move between rows in different lanes, unless they are wanted in force;
 * expiry would delete rows that the source has since extended: both wait for the end.
 */
export const heldBack =
  ({ uniqueInForce }: { readonly uniqueInForce: boolean }) =>
  (index: Index): boolean =>
    expires(index) || (!uniqueInForce && isUnique(index));

export class Indexes {
  constructor(
    private readonly client: MongoClient,
    private readonly fence: Fence,
    private readonly namespaces: Namespaces,
    private readonly isHeld: (index: Index) => boolean,
    private readonly log: Log,
  ) {}

  async build(
    sources: readonly SourceNamespace[],
    report: (done: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const work: { readonly source: Namespace; readonly index: Index; readonly raw: Uint8Array }[] = [];
    const all = new Map(sources.map(({ name, indexes }) => [name, indexes.map(specification)]));
    const records = sources.flatMap(({ name, identity, indexes }) => {
      const record = this.namespaces.get(name);
      if (record?.identity == null) return [];
      // Another one by now, which the stream has not come to: its indexes come by its changes.
      if (record.origin != null && record.origin !== identity) return [];
      const held: Binary[] = [];
      for (const raw of indexes) {
        const index = specification(raw);
        if (index.name === '_id_') continue;
        if (this.isHeld(index)) held.push(new Binary(raw));
        else work.push({ source: name, index, raw });
      }
      return [{ ...record, held, pending: [] }];
    });
    await this.namespaces.save(records, signal);
    report(0, work.length);
    for (const [done, { source, index, raw }] of work.entries()) {
      await this.fence.check(signal);
      await this.#place(source, index, all.get(source) ?? [], signal).catch(async (error: unknown) => {
        const failure = classify(error, { role: 'destination', namespace: source });
        // A server that is away is worth waiting for; an index that it refuses must not hold up the rows.
        if (isPassing(failure) || failure.code === 'unauthorized') throw failure;
        // A copy is of no one moment: a value that moved meanwhile may be there twice, until the stream is in step.
        if (failure.code === 'duplicate_key') await this.#postpone(source, raw, signal);
        else this.log('warn', 'index_refused', { namespace: source, index: index.name, code: failure.code });
      });
      report(done + 1, work.length);
    }
  }

  /** Left to the pump, which builds it while lanes write. */
  async #postpone(source: Namespace, raw: Uint8Array, signal: AbortSignal): Promise<void> {
    const record = this.namespaces.get(source);
    if (record === undefined) return;
    const pending = [...(record.pending ?? []), { index: new Binary(raw), tries: 0 }];
    await this.namespaces.save([{ ...record, pending }], signal);
    this.log('info', 'index_waits', { namespace: source, index: specification(raw).name });
  }

  /**
   * A stream that was finalized goes on: what expires rows at the destination is held back again, because the source
   * may have extended them since. Indexes that were made by hand stay.
   */
  async holdExpiring(signal: AbortSignal): Promise<void> {
    for (const record of this.namespaces.all()) {
      const { source, target, identity, held, expiring = [] } = record;
      if (identity === null || expiring.length === 0) continue;
      const { byName } = await indexesOf(this.client, target, signal);
      await this.fence.check(signal);
      for (const { name } of expiring.map(({ buffer }) => specification(buffer))) {
        const now = byName.get(name);
        if (now === undefined || !expires(now)) continue;
        await onIndexes(this.client, target, 'dropIndexes', { index: name }, signal);
        this.log('info', 'expiry_held', { namespace: source, index: name });
      }
      await this.namespaces.save([{ ...record, held: [...held, ...expiring], expiring: [] }], signal);
    }
  }

  /** Puts everything in force that the source has, the held ones included: what an earlier attempt has built is left as it is. */
  async finalize(
    sources: readonly SourceNamespace[],
    replaced: readonly Namespace[],
    signal: AbortSignal,
  ): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (const { name, indexes } of sources) {
      const record = this.namespaces.get(name);
      if (record?.identity == null) continue;
      // Taken away, or replaced, since the last row was written: its rows are not those of the source.
      if (replaced.includes(name)) {
        findings.push(displacedTarget(name, record.target));
        continue;
      }
      const held: Binary[] = [];
      const expiring: Binary[] = [];
      const all = indexes.map(specification);
      for (const raw of indexes) {
        const index = specification(raw);
        if (index.name === '_id_') continue;
        await this.fence.check(signal);
        try {
          await this.#place(name, index, all, signal);
          if (expires(index)) expiring.push(new Binary(raw));
        } catch (error) {
          const failure = classify(error, { role: 'destination', namespace: name });
          if (isPassing(failure)) throw failure;
          const there = await indexesOf(this.client, record.target, signal);
          findings.push(notBuilt(name, index.name, failure, serving(there.byName.get(index.name), index)));
          held.push(new Binary(raw));
        }
      }
      await this.namespaces.save([{ ...record, held, expiring, pending: [] }], signal);
    }
    return findings;
  }

  #place(source: Namespace, index: Index, wanted: readonly Index[], signal: AbortSignal): Promise<void> {
    const log = (event: string, fields: object): void => this.log('info', event, { namespace: source, ...fields });
    const target = this.namespaces.nameOf(source);
    return placeIndex({ client: this.client, target, keepOld: true, wanted, log }, index, signal);
  }
}

/** What an application finds in place of an index that could not be put in force. */
function serving(now: Index | undefined, wanted: Index): string {
  if (now === undefined) return 'the target has no index of this name';
  const other = differences(now, wanted);
  const held = other.every((option) => HELD.has(option));
  return held
    ? 'the plain index of this name goes on serving'
    : `the index that was there goes on serving, with another ${other.join(', ')}`;
}

const displacedTarget = (namespace: Namespace, target: Namespace): Finding => ({
  severity: 'error',
  code: 'replaced',
  message: `the target ${target} is not the collection that the stream wrote, so nothing was put in force there`,
  remedy: 'The stream has ended: `apply` starts it again, which copies the namespace anew; then `streams finalize ID`.',
  namespace,
});

const notBuilt = (namespace: Namespace, index: string, { code, message }: ReplicationError, now: string): Finding => ({
  severity: 'error',
  code: code === 'duplicate_key' ? 'unique_violation' : 'index_failed',
  message: `index ${index} of ${namespace} could not be built: ${message}; ${now}`,
  remedy:
    code === 'duplicate_key'
      ? 'Find the rows that share a value and correct them at the source. The stream has ended: `apply` starts it again from where it stands, then `streams finalize ID` builds what is missing.'
      : 'Build the index by hand; or see to its cause, then `apply` (the stream has ended) and `streams finalize ID`.',
  namespace,
});
