/** One guard taken away, as text: a patch that no longer fits fails, so that it is written anew with what it guards. */
export interface Mutation {
  readonly name: string;
  /** What the core does without it. */
  readonly without: string;
  readonly patches: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
}

const one = (name: string, without: string, file: string, find: string, replace: string): Mutation => ({
  name,
  without,
  patches: [{ file, find, replace }],
});

/** Rules of the core, in the order of the design; those that a destination keeps are taken away from the list-backed one. */
export const MUTATIONS: readonly Mutation[] = [
  one(
    'copy-before-capture',
    'the start position is taken after rows were listed and claimed',
    'tests/simulation/workflow.ts',
    '    await claim.prepare(listed, signal);\n',
    '    await claim.prepare(listed, signal);\n    position = await source.currentPosition(signal);\n',
  ),
  one(
    'overlap-too-short',
    'the overlap of a copy ends where the copy began',
    'src/core/copy/copy.ts',
    "return { reason: 'done', overlapEnd: await source.currentPosition(this.#writing.signal) };",
    "return { reason: 'done', overlapEnd: this.#options.since };",
  ),
  one(
    'low-water',
    'the last position read is reported, not the one that everything before is durable at',
    'src/core/pump/low-water.ts',
    'batch?.durable; batch = this.#line[this.#head]',
    'batch?.end; batch = this.#line[this.#head]',
  ),
  one(
    'idle-overtakes',
    'an idle position overtakes commits that are on their way',
    'src/core/pump/low-water.ts',
    `    this.begin().close(position, sourceTimeMs);
    this.advance();`,
    `    this.#position = position;
    this.#sourceTimeMs = sourceTimeMs;`,
  ),
  one(
    'idle-is-forgotten',
    'silence does not move the position',
    'src/core/pump/pump.ts',
    '        mark.idle(event.position, event.sourceTimeMs);\n',
    '',
  ),
  one(
    'key-in-two-lanes',
    'a change goes to any lane',
    'src/core/copy/sharing.ts',
    'shares[(wholeOrder ?? change.key.hash) % lanes]?.push(change);',
    'shares[(wholeOrder ?? change.key.hash + (change.position.token as number[])[0]!) % lanes]?.push(change);',
  ),
  one(
    'barrier-without-drain',
    'a schema change does not wait for lanes',
    'src/core/pump/pump.ts',
    'if (!(await this.#level(mark))) return;',
    'if (this.#ending.isBegun) return;',
  ),
  one(
    'fold-over-delta',
    'a delta stands for what came before it',
    'src/core/write/fold.ts',
    "    if (change.op !== 'update') rows.set(change.key.id, kept.length);",
    '    rows.set(change.key.id, kept.length);',
  ),
  one(
    'skip-apart',
    'what is apart from what a lane has written is left out',
    'src/core/model/position.ts',
    "order === 'same' || order === 'after';",
    "order === 'same' || order === 'after' || order === 'apart';",
  ),
  one(
    'nothing-is-skipped',
    'a lane writes again what it has written',
    'src/core/write/lane.ts',
    'this.#skipUntil = record.position;',
    'this.#skipUntil = null;',
  ),
  one(
    'skip-past-the-batch',
    'a part that ends inside of a batch records where the batch ends',
    'src/core/write/lane.ts',
    'return whole ? (last?.end?.position ?? null) : null;',
    'return changes[changes.length - 1]?.position ?? null;',
  ),
  one(
    'half-of-a-part-records-all',
    'the first half of what was refused records the place of the whole',
    'src/core/write/lane.ts',
    'changes: first, bytes, position: this.#mark(first, []), ended: [] }',
    'changes: first, bytes, ended: [] }',
  ),
  one(
    'lost-halves',
    'the second half of what was refused is left out',
    'src/core/write/lane.ts',
    '    this.#parts.push({ ...part, changes: second, bytes: part.bytes - bytes });',
    '    this.#parts.push({ ...part, changes: second.slice(1), bytes: part.bytes - bytes });',
  ),
  one(
    'refused-is-overtaken',
    'a delta is applied on top of what a refused change left behind',
    'src/core/write/steps.ts',
    'asDelta(change) || rejected.isBehind(change) || this.watch',
    'asDelta(change) || this.watch',
  ),
  one(
    'refused-without-record',
    'a change that is rejected is passed without a dead letter',
    'src/core/write/steps.ts',
    'changes: [], rejected: [passed] };',
    'changes: [], rejected: [] };',
  ),
  one(
    'row-goes-back',
    'what was read ahead is not remembered',
    'src/core/write/steps.ts',
    '    this.watch.add(read, readAheadLimit);\n',
    '',
  ),
  one(
    'ahead-is-forgotten-in-a-crash',
    'the next leg does not know that rows are ahead',
    'src/core/write/steps.ts',
    'context.monotonic ? record.readAheadLimit : null);',
    'null);',
  ),
  one(
    'read-ahead-limit-too-early',
    'the place of a row that is read again is taken before it is read',
    'src/core/write/steps.ts',
    'readAheadLimit = await source.currentPosition(limit);',
    'readAheadLimit = piece.changes[0]!.position;',
  ),
  one(
    'backfill-without-notes',
    'a backfill writes rows that the stream has changed meanwhile',
    'src/core/copy/sharing.ts',
    '    overlap?.notes?.add(change.key.id);\n',
    '',
  ),
  one(
    'backfill-before-its-place',
    'rows of a backfill do not wait for the stream to come to where they were read',
    'src/core/copy/backfills.ts',
    'return signal.aborted || (routed !== null && reached(source.order(routed, chunk.high)));',
    'return signal.aborted || routed !== null;',
  ),
  one(
    'backfill-recorded-early',
    'a chunk is recorded before it is durable',
    'src/core/copy/backfills.ts',
    '          .then(() => this.#durable(batches, signal))\n',
    '',
  ),
  one(
    'repair-recorded-early',
    'a repair is done before it is durable',
    'src/core/copy/repairs.ts',
    'await progressed.until(() => reading.aborted || batches.every(({ durable }) => durable));\n    if (!batches.every(({ durable }) => durable)) return;',
    '',
  ),
  one(
    'reached-too-early',
    'a leg ends at its place before it is told what is still asked for',
    'src/core/pump/recorder.ts',
    `        asked(repairs);
        recorded(position, sequence);`,
    `        recorded(position, sequence);
        asked(repairs);`,
  ),
  one(
    'missed-under-the-old-name',
    'rows that were looked for under a name that they no longer had count as gone',
    'src/core/schema/barrier.ts',
    "if (change.op !== 'rename' || !readSince(change.namespace, position)) return false;",
    'if (readSince(change.namespace, position) || position !== null) return false;',
  ),
  one(
    'layout-before-level',
    'another number of lanes while lanes are ahead',
    'src/core/pump/open-lanes.ts',
    'if (records.length === lanes || !level) return records;',
    'if (records.length === lanes) return records;',
  ),
  one(
    'group-commit-gives-nothing-back',
    'what a group commit has refused is not given back',
    'src/core/write/group-commit.ts',
    'for (const { lane, part } of taken) lane.requeue(part);',
    'for (const { lane, part } of taken.slice(1)) lane.requeue(part);',
  ),
  one(
    'conflict-gives-nothing-back',
    'what could not be written as final states is not given back',
    'src/core/write/collisions.ts',
    'if (!judged) for (const { lane, part } of parts) lane.requeue(part);',
    'if (!judged) for (const { lane, part } of parts.slice(1)) lane.requeue(part);',
  ),
  one(
    'start-at-the-workflow',
    'a leg starts where its workflow thinks, not where the ledger says',
    'src/core/plan/start.ts',
    '  return lowWater;\n',
    '  return position ?? lowWater;\n',
  ),
  one(
    'start-ahead',
    'a leg starts where its furthest lane is',
    'src/core/pump/pump.ts',
    'const start = (this.#recorded = startOf(claim.ledger, position, source));',
    'const start = (this.#recorded = claim.ledger.lanes.reduce((far, { position: at }) => (at && source.order(at, far) === "after" ? at : far), startOf(claim.ledger, position, source)));',
  ),
  one(
    'epoch-not-checked',
    'a record is moved on whatever its epoch',
    'tests/simulation/destination/server.ts',
    'if (record.epoch !== epoch) throw fenced(`the record is at epoch ${record.epoch}`, record.epoch);\n    this.witness.wrote(epoch);',
    'this.witness.wrote(epoch);',
  ),
  {
    name: 'sequence-not-checked',
    without: 'a part is written whatever its lane has written',
    patches: [
      {
        file: 'tests/simulation/destination/steps.ts',
        find: 'if (ahead.length > 0) return',
        replace: 'if (ahead.length < 0) return',
      },
      {
        file: 'tests/simulation/destination/steps.ts',
        find: 'if (parts.some(({ expected }, index) => lanes[index]?.sequence !== expected)) throw behind();',
        replace: '',
      },
    ],
  },
];
