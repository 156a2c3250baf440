import type { MongoClient } from 'mongodb';
import { RawDocument, rawInteger, sameValue } from '../../../../formats/bson/raw-document';
import { keyOfRow } from '../../../../formats/bson/key';
import { classify, isPassing } from '../../errors';
import { readRows } from '../../driver/rows';
import type { Key } from '../../../../core/model/change';
import type { Log } from '../../../../core/ports/connector';
import type { Absent } from '../../../../core/ports/destination';
import type { Finding } from '../../../../core/model/finding';
import { splitNamespace, type Namespace, type SourceNamespace } from '../../../../core/model/namespace';
import { capRefused, notCapped } from './capped-findings';
import { runDdl, sendable } from './ddl';
import type { Fence } from '../ledger/fence';
import type { Namespaces } from './namespaces';
import { readingOf } from '../reading';
import type { NamespaceDocument } from '../ledger/records';
import { runCommand } from '../writer/run';
import { deleteStatement, idFilter } from '../writer/statements';
import { present, type Present } from './targets';

const WHOLE = { from: null, after: null, upTo: null, to: null } as const;
/** Rows that are asked for at a time. */
const BATCH_ROWS = 1_000;

/** Size in bytes, and rows at most; null where options are of no capped collection. */
export const capOf = (options: RawDocument): RawDocument | null =>
  options.flag('capped') ? options.pick((name) => name === 'size' || name === 'max') : null;

/** What of a cap another collection has otherwise; without a maximum, and with one of 0, rows are not counted. */
export const capDifferences = (wanted: RawDocument, found: RawDocument): string[] =>
  ['size', 'max'].filter((name) => !sameValue(wanted.get(name) ?? NO_LIMIT, found.get(name) ?? NO_LIMIT));

const NO_LIMIT = rawInteger(0);

/**
 * Makes capped what is capped at the source. While the stream runs such targets are plain, because a server refuses to
 * write to capped collections inside a transaction.
 */
export class Capped {
  constructor(
    private readonly client: MongoClient,
    private readonly fence: Fence,
    private readonly namespaces: Namespaces,
    private readonly log: Log,
  ) {}

  async convert(sources: readonly SourceNamespace[], absent: Absent, signal: AbortSignal): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (const { name, options } of sources) {
      const cap = capOf(RawDocument.from(options));
      const record = this.namespaces.get(name);
      if (cap === null || record?.identity == null) continue;
      const now = await this.#present(record.target, signal);
      // Another collection than the stream's is told of when indexes are put in force.
      if (now?.type !== 'collection' || now.identity !== record.identity) continue;
      const finding = await this.#convert(record, { cap, now }, absent, signal);
      if (finding !== null) findings.push(finding);
    }
    return findings;
  }

  async #convert(
    record: NamespaceDocument,
    { cap, now }: { readonly cap: RawDocument; readonly now: Present },
    absent: Absent,
    signal: AbortSignal,
  ): Promise<Finding | null> {
    const { source, target } = record;
    if (!now.options.flag('capped')) {
      await this.#prune(record, absent, signal);
      // The collection will be another one: should the answer be lost, the next claim knows why.
      await this.namespaces.save([{ ...record, capping: true }], signal);
      const refused = await this.#attempt(source, target, convertCommand(target, cap), signal);
      if (refused !== null) {
        await this.namespaces.save([{ ...record, capping: false }], signal);
        return notCapped(source, refused);
      }
    }
    const made = await this.#present(target, signal);
    if (made?.options.flag('capped') !== true) return notCapped(source, 'the server has left it as it was');
    await this.namespaces.save([{ ...record, identity: made.identity, capping: false, capped: true }], signal);
    this.log('info', 'capped', { namespace: source });
    return this.#adjust(source, made, cap, signal);
  }

  /** Converting sets no maximum, and a cap may have changed at the source since. */
  async #adjust(source: Namespace, made: Present, cap: RawDocument, signal: AbortSignal): Promise<Finding | null> {
    const other = capDifferences(cap, made.options);
    if (other.length === 0) return null;
    const refused = await this.#attempt(source, made.name, adjustCommand(made.name, cap, other), signal);
    const now = await this.#present(made.name, signal);
    const left = now === undefined ? other : capDifferences(cap, now.options);
    return left.length === 0 ? null : capRefused(source, left, refused ?? 'the server has left it as it was');
  }

  /** A plain target has kept what has fallen out at the source, and would give up rows that are still there for it. */
  async #prune({ source, target }: NamespaceDocument, absent: Absent, signal: AbortSignal): Promise<void> {
    let pruned = 0;
    for await (const { rows } of readRows(readingOf(this.client, target), WHOLE, BATCH_ROWS, signal)) {
      const gone = await absent(source, rows.map(keyOfRow), signal);
      if (gone.length > 0) await this.#delete({ source, target }, gone, signal);
      pruned += gone.length;
    }
    if (pruned > 0) this.log('info', 'capped_pruned', { namespace: source, rows: pruned });
  }

  async #delete(
    { source, target }: Pick<NamespaceDocument, 'source' | 'target'>,
    keys: readonly Key[],
    signal: AbortSignal,
  ): Promise<void> {
    const command = {
      verb: 'delete',
      target: { source, name: target, validated: false, wholeOrder: true },
      documents: keys.map((key) => deleteStatement(idFilter(key))),
      owners: [],
    } as const;
    await this.fence.transaction(
      { $set: { checked: new Date() } },
      (session) => runCommand(this.client, command, session, signal),
      signal,
    );
  }

  /** Why the server has refused a command; null where it has not. */
  async #attempt(
    source: Namespace,
    target: Namespace,
    command: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<string | null> {
    await this.fence.check(signal);
    try {
      await runDdl(this.client, splitNamespace(target).database, command, signal);
      return null;
    } catch (error) {
      const failure = classify(error, { role: 'destination', namespace: source });
      if (isPassing(failure)) throw failure;
      return `${failure.code}: ${failure.message}`;
    }
  }

  async #present(target: Namespace, signal: AbortSignal): Promise<Present | undefined> {
    return (await present(this.client, [target], signal)).get(target);
  }
}

/** The server takes no maximum here. */
const convertCommand = (target: Namespace, cap: RawDocument) => ({
  convertToCapped: splitNamespace(target).collection,
  ...Object.fromEntries(sendable(cap.without('max'), target)),
});

const CHANGES: Readonly<Record<string, string>> = { size: 'cappedSize', max: 'cappedMax' };

/** From 6.0. */
function adjustCommand(target: Namespace, cap: RawDocument, names: readonly string[]) {
  const changes = names.reduce(
    (all, name) => all.with(CHANGES[name] ?? name, cap.get(name) ?? NO_LIMIT),
    RawDocument.EMPTY,
  );
  return { collMod: splitNamespace(target).collection, ...Object.fromEntries(sendable(changes, target)) };
}
