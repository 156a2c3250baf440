import type { AnyBulkWriteOperation, Collection, Document, MongoClient } from 'mongodb';
import { Binary } from 'mongodb';
import { abortable } from '../../../../core/async/abortable';
import { fenced } from '../../../../core/model/errors';
import type { Finding } from '../../../../core/model/finding';
import { hasRows, type Namespace, type SourceNamespace } from '../../../../core/model/namespace';
import { type Range } from '../../../../core/ports/source';
import type {
  ComparedRange,
  Difference,
  DifferencesFilter,
  Findings,
  KindCounts,
  NamespaceRows,
  NotVerified,
  Rechecked,
  StreamProgress,
  Verification,
} from '../../../../core/ports/verification';
import { classified } from '../translate-errors';
import { belongsTo, binaryOf, readPosition } from './records';
import type { Store } from './store';
import {
  comparedId,
  differenceId,
  readCompared,
  readDifference,
  runId,
  type ComparedDocument,
  type DifferenceDocument,
  type RunDocument,
  type VerificationDocument,
} from './verification-records';
import { compareLayout, type LayoutOptions } from '../schema/schema-diff';
import { compareViews } from '../schema/view-diff';

/** Runs whose findings can still be read. */
const KEPT_RUNS = 5;
const WRITES = 1_000;

export interface VerificationOptions extends LayoutOptions {
  readonly client: MongoClient;
  readonly store: Store;
  readonly ledgerDatabase: string;
}

/** One run's records, in the ledger's database. */
export class MongodbVerification implements Verification {
  readonly #records: Collection<VerificationDocument>;

  constructor(
    private readonly options: VerificationOptions,
    private readonly stream: string,
    private readonly run: string,
  ) {
    this.#records = options.client
      .db(options.ledgerDatabase, { writeConcern: { w: 'majority', journal: true }, readPreference: 'primary' })
      .collection('verification');
  }

  get #own(): { stream: string; run: string } {
    return { stream: this.stream, run: this.run };
  }

  readProgress(signal: AbortSignal): Promise<StreamProgress | null> {
    const { store } = this.options;
    return classified(async () => {
      const record = await store.stream(this.stream, signal);
      if (record === null) return null;
      const open = { ...belongsTo(this.stream), replaced: false, done: false };
      const [copying, last, namespaces] = await Promise.all([
        store.ranges.find(open, { projection: { namespace: 1 }, signal }).toArray(),
        store.ranges
          .find(belongsTo(this.stream), { projection: { number: 1 }, signal })
          .sort({ number: -1 })
          .limit(1)
          .toArray(),
        store.namespacesOf(this.stream, signal),
      ]);
      return {
        lowWater: readPosition(record.lowWater),
        copying: new Set(copying.map(({ namespace }) => namespace)),
        parked: new Set(namespaces.flatMap(({ source, parked }) => (parked == null ? [] : [source]))),
        copies: last[0]?.number ?? -1,
      };
    });
  }

  plan(
    ranges: ReadonlyMap<Namespace, readonly Range[]>,
    notVerified: readonly NotVerified[],
    signal: AbortSignal,
  ): Promise<void> {
    return classified(async () => {
      const _id = runId(this.stream, this.run);
      if ((await this.#records.findOne({ _id }, { signal })) !== null) return;
      await abortable(this.#records.createIndex({ stream: 1, run: 1, kind: 1, state: 1, _id: 1 }), signal);
      let number = 0;
      const planned = [...ranges].flatMap(([namespace, list]) =>
        list.map((range) => this.#newRange(number++, namespace, range)),
      );
      await this.#write(
        planned.map((document) => ({
          replaceOne: { filter: { _id: document._id }, replacement: document, upsert: true },
        })),
        signal,
      );
      // The last step: from here on the plan counts.
      const record: RunDocument = {
        _id,
        ...this.#own,
        kind: 'run',
        planned: new Date(),
        notVerified,
        verdict: null,
        ended: null,
      };
      await abortable(this.#records.insertOne(record), signal);
    });
  }

  #newRange(number: number, namespace: Namespace, { from, to, estimatedRows }: Range): ComparedDocument {
    return {
      _id: comparedId(this.stream, this.run, number),
      ...this.#own,
      kind: 'range',
      number,
      namespace,
      sequence: 0,
      from: binaryOf(from),
      to: binaryOf(to),
      after: null,
      done: false,
      estimatedRows,
      sourceRows: 0,
      destinationRows: 0,
      unlisted: 0,
    };
  }

  openRanges(signal: AbortSignal): Promise<readonly ComparedRange[]> {
    return classified(async () => {
      const found = await this.#records.find({ ...this.#own, kind: 'range', done: false }, { signal }).toArray();
      return (found as ComparedDocument[]).map(readCompared).sort((a, b) => a.number - b.number);
    });
  }

  note(differences: readonly Difference[], signal: AbortSignal): Promise<void> {
    return classified(() =>
      this.#write(
        differences.map((each) => ({
          updateOne: {
            filter: { _id: differenceId(this.stream, this.run, each) },
            // One that is known, as after a crash, keeps what is known of it.
            update: {
              $setOnInsert: {
                ...this.#own,
                kind: 'key',
                namespace: each.namespace,
                key: new Binary(each.key.bytes),
                difference: each.kind,
                state: each.state,
                bytes: each.bytes,
                rounds: each.rounds,
              },
            },
            upsert: true,
          },
        })),
        signal,
      ),
    );
  }

  advance(from: ComparedRange, to: ComparedRange, signal: AbortSignal): Promise<void> {
    return classified(async () => {
      const _id = comparedId(this.stream, this.run, from.number);
      const { after, done, sourceRows, destinationRows, unlisted } = to;
      const $set = { sequence: from.sequence + 1, after: binaryOf(after), done, sourceRows, destinationRows, unlisted };
      const { matchedCount } = await abortable(
        this.#records.updateOne({ _id, sequence: from.sequence }, { $set }),
        signal,
      );
      if (matchedCount === 0) throw fenced(`another activity compares ${from.namespace} for ${this.stream}`);
    });
  }

  differences(
    { state, below }: DifferencesFilter,
    { limit, after }: { readonly limit: number; readonly after: string | null },
    signal: AbortSignal,
  ): Promise<{ readonly list: readonly Difference[]; readonly last: string | null }> {
    return classified(async () => {
      const filter: Document = {
        ...this.#own,
        kind: 'key',
        state,
        ...(below !== undefined && { rounds: { $lt: below } }),
        ...(after !== null && { _id: { $gt: after } }),
      };
      const found = await this.#records.find(filter, { signal }).sort({ _id: 1 }).limit(limit).toArray();
      return {
        list: (found as DifferenceDocument[]).map(readDifference),
        last: found.at(-1)?._id ?? null,
      };
    });
  }

  resolve(settled: readonly Rechecked[], signal: AbortSignal): Promise<void> {
    return classified(() =>
      this.#write(
        settled.map(({ difference, outcome, kind }) => {
          const filter = { _id: differenceId(this.stream, this.run, difference) };
          if (outcome === 'cleared') return { deleteOne: { filter } };
          return {
            updateOne: { filter, update: { $set: { state: outcome, difference: kind, rounds: difference.rounds } } },
          };
        }),
        signal,
      ),
    );
  }

  reopen(signal: AbortSignal): Promise<void> {
    return classified(async () => {
      await abortable(
        this.#records.updateMany({ ...this.#own, kind: 'key' }, { $set: { state: 'suspect', rounds: 0 } }),
        signal,
      );
    });
  }

  listed(signal: AbortSignal): Promise<number> {
    return classified(() => this.#records.countDocuments({ ...this.#own, kind: 'key' }, { signal }));
  }

  findings(signal: AbortSignal): Promise<Findings> {
    return classified(async () => {
      const sum = (field: string): Document => ({ $sum: `$${field}` });
      const [[ranges], keys] = await Promise.all([
        this.#records
          .aggregate<RangeSums>(
            [
              { $match: { ...this.#own, kind: 'range' } },
              {
                $group: {
                  _id: null,
                  ranges: { $sum: 1 },
                  rangesDone: { $sum: { $cond: ['$done', 1, 0] } },
                  sourceRows: sum('sourceRows'),
                  destinationRows: sum('destinationRows'),
                  unlisted: sum('unlisted'),
                },
              },
            ],
            { signal },
          )
          .toArray(),
        this.#records
          .aggregate<KeyCount>(
            [
              { $match: { ...this.#own, kind: 'key' } },
              { $group: { _id: { state: '$state', difference: '$difference' }, count: { $sum: 1 } } },
            ],
            { signal },
          )
          .toArray(),
      ]);
      const counted = (state: string, kind?: string): number =>
        keys
          .filter(({ _id }) => _id.state === state && (kind === undefined || _id.difference === kind))
          .reduce((total, { count }) => total + count, 0);
      const damaged: KindCounts = {
        missing: counted('damaged', 'missing'),
        extra: counted('damaged', 'extra'),
        different: counted('damaged', 'different'),
      };
      return {
        ranges: ranges?.ranges ?? 0,
        rangesDone: ranges?.rangesDone ?? 0,
        sourceRows: ranges?.sourceRows ?? 0,
        destinationRows: ranges?.destinationRows ?? 0,
        suspects: counted('suspect'),
        damaged,
        unsettled: counted('unsettled'),
        unlisted: ranges?.unlisted ?? 0,
      };
    });
  }

  rowsOf(limit: number, signal: AbortSignal): Promise<readonly NamespaceRows[]> {
    return classified(async () => {
      const found = await this.#records
        .aggregate<{ _id: Namespace; sourceRows: number; destinationRows: number; ranges: number; done: number }>(
          [
            { $match: { ...this.#own, kind: 'range' } },
            {
              $group: {
                _id: '$namespace',
                sourceRows: { $sum: '$sourceRows' },
                destinationRows: { $sum: '$destinationRows' },
                ranges: { $sum: 1 },
                done: { $sum: { $cond: ['$done', 1, 0] } },
              },
            },
            { $sort: { sourceRows: -1, _id: 1 } },
            { $limit: limit },
          ],
          { signal },
        )
        .toArray();
      return found.map(({ _id, sourceRows, destinationRows, ranges, done }) => ({
        namespace: _id,
        sourceRows,
        destinationRows,
        done: ranges === done,
      }));
    });
  }

  layout(
    namespaces: readonly SourceNamespace[],
    selected: (name: Namespace) => boolean,
    signal: AbortSignal,
  ): Promise<readonly Finding[]> {
    return classified(async () => {
      const { store } = this.options;
      const withRows = namespaces.filter(hasRows);
      const derived = namespaces.filter(({ follows }) => follows === 'derived');
      const [records, views] = await Promise.all([
        store.namespacesOf(this.stream, signal),
        store.viewsOf(this.stream, signal),
      ]);
      return [
        ...(await compareLayout(this.options, { namespaces: withRows, selected, records }, signal)),
        ...(await compareViews(this.options, { views: derived, selected, records: views }, signal)),
      ];
    });
  }

  conclude(verdict: string, signal: AbortSignal): Promise<void> {
    return classified(async () => {
      const _id = runId(this.stream, this.run);
      await abortable(this.#records.updateOne({ _id }, { $set: { verdict, ended: new Date() } }), signal);
      const runs = (await this.#records
        .find({ stream: this.stream, kind: 'run' }, { projection: { run: 1 }, signal })
        .sort({ planned: -1 })
        .skip(KEPT_RUNS)
        .toArray()) as RunDocument[];
      for (const { run } of runs) await abortable(this.#records.deleteMany({ stream: this.stream, run }), signal);
    });
  }

  async #write(writes: AnyBulkWriteOperation<VerificationDocument>[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < writes.length; at += WRITES)
      await abortable(this.#records.bulkWrite(writes.slice(at, at + WRITES), { ordered: false }), signal);
  }
}

type RangeSums = Pick<Findings, 'ranges' | 'rangesDone' | 'sourceRows' | 'destinationRows' | 'unlisted'>;

interface KeyCount {
  readonly _id: { readonly state: string; readonly difference: string };
  readonly count: number;
}
