import type { FaultKind } from './plan';

/** One guard taken away, as text: a patch that no longer fits fails, so that it is written anew with what it guards. */
export interface Mutation {
  readonly name: string;
  /** What the product does without it. */
  readonly without: string;
  /** Kinds of faults that can show it; all of them when left out. */
  readonly faults?: readonly FaultKind[];
  readonly patches: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'fence',
    without: 'a record is moved on whatever it says, on sessions that no claim can reach',
    // Two that write at the same time.
    faults: ['worker_freeze', 'temporal_partition', 'late_delivery'],
    patches: [
      {
        file: 'src/connectors/mongodb/destination/ledger/fence.ts',
        find: 'return { _id: this.stream, epoch: this.epoch };',
        replace: 'return { _id: this.stream };',
      },
      {
        file: 'src/connectors/mongodb/destination/ledger/fence.ts',
        find: 'if (record?.epoch !== this.epoch) throw fencedBy(this.stream, record?.epoch ?? 0);',
        replace: 'if (record === null) throw fencedBy(this.stream, 0);',
      },
      {
        file: 'src/connectors/mongodb/destination/writer/lane.ts',
        find: 'if (found !== null && found.epoch !== epoch) throw fencedBy(stream, found.epoch);',
        replace: 'if (found !== null && found.epoch < 0) throw fencedBy(stream, epoch);',
      },
      {
        file: 'src/connectors/mongodb/destination/writer/lane.ts',
        find: 'await store.update(records, { filter: { _id, epoch }, update',
        replace: 'await store.update(records, { filter: { _id, ...(epoch < 0 && { epoch }) }, update',
      },
      {
        file: 'src/connectors/mongodb/destination/writer/lane.ts',
        find: 'const filter = { _id: this.#id, epoch, sequence: expected };',
        replace: 'const filter = { _id: this.#id, ...(epoch < 0 && { epoch }) };',
      },
      {
        file: 'src/connectors/mongodb/destination/writer/lane.ts',
        find: 'id: record.session,',
        replace: 'id: newSessionId(),',
      },
      {
        file: 'src/connectors/mongodb/destination/writer/lane.ts',
        find: 'import { laneId, storePosition, ',
        replace: 'import { laneId, newSessionId, storePosition, ',
      },
    ],
  },
  {
    name: 'low-water',
    without: 'the last position read is reported, not the one that everything before is durable at',
    patches: [
      {
        file: 'src/core/pump/low-water.ts',
        find: 'batch?.durable; batch = this.#line[this.#head]',
        replace: 'batch?.end; batch = this.#line[this.#head]',
      },
    ],
  },
  {
    name: 'idle',
    without: 'an idle position overtakes commits that are on their way',
    patches: [
      {
        file: 'src/core/pump/low-water.ts',
        find: `    this.begin().close(position, sourceTimeMs);
    this.advance();`,
        replace: `    this.#position = position;
    this.#sourceTimeMs = sourceTimeMs;`,
      },
    ],
  },
  {
    name: 'capture-before-copy',
    without: 'the start position is taken after the copy',
    patches: [
      {
        file: 'src/activities/stream/copy.ts',
        find: "if (reason === 'done') await buildIndexes(",
        replace: `if (reason === 'done') await claim.begin(await source.currentPosition(call.signal), call.signal);
        if (reason === 'done') await buildIndexes(`,
      },
    ],
  },
  {
    name: 'per-item-result',
    without: 'what the server says about single statements is not looked at',
    patches: [
      {
        file: 'src/connectors/mongodb/destination/writer/run.ts',
        find: 'if (error !== undefined) throw refused(command, error);',
        replace: 'if (error !== undefined) void refused(command, error);',
      },
      {
        file: 'src/connectors/mongodb/destination/writer/run.ts',
        find: "if (verb === 'delete' || Number(reply['n']) === documents.length) return;",
        replace: 'if (documents.length >= 0) return;',
      },
    ],
  },
];
