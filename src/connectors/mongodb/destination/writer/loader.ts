import { Binary, type ClientSession, type Document, type Long } from 'mongodb';
import { idDocument } from '../../../../formats/bson/key';
import { codeOf } from '../../errors';
import { encodedDocuments } from '../../driver/internals';
import { splitNamespace } from '../../../../core/model/namespace';
import type { LoadPart, Written } from '../../../../core/ports/destination';
import { unnameable, type Verb } from './compose';
import { emptyTimestamps } from './empty-timestamps';
import { inTime } from './in-time';
import { confirmed, judge, type WriterOptions } from './lane';
import type { Series } from '../schema/namespaces';
import { rangeId, type LoaderDocument } from '../ledger/records';
import { look, Obstructed, runCommand, type Command } from './run';
import { FixedSession } from '../ledger/session';
import { deleteStatement, updateStatement } from './statements';
import { fencedBy } from '../ledger/fencing';
import type { Target } from '../schema/targets';

class NotMatched extends Error {}

/** One loader of the copy: rows and the progress of their range, in one transaction on its own session. */
export class Loader {
  readonly #session: FixedSession;

  constructor(
    private readonly options: WriterOptions,
    record: LoaderDocument,
  ) {
    this.#session = new FixedSession(options.store.client, {
      id: record.session,
      epoch: options.epoch,
      phase: 'write',
    });
  }

  /** `merging`: rows of these keys may be there already. Answers whether some were. */
  async load(
    part: LoadPart,
    target: Target,
    merging: boolean,
    signal: AbortSignal,
  ): Promise<Written & { readonly met: boolean }> {
    const write = (over: boolean) => this.#write(part, commandsOf(part, target, over), signal);
    try {
      return { fresh: await write(merging), met: merging };
    } catch (error) {
      if (merging || !(error instanceof Obstructed)) throw error;
      return { fresh: await write(true), met: true };
    }
  }

  /** False when the ledger shows that the rows were written before. */
  #write(part: LoadPart, commands: readonly Command[], signal: AbortSignal): Promise<boolean> {
    return inTime(
      part.withinMs,
      signal,
      (limit) => this.#move(part, advance(part), commands, limit),
      (limit) => this.#move(part, { $set: { confirmed: new Date() } }, [], limit),
    );
  }

  async #move(part: LoadPart, update: object, commands: readonly Command[], signal: AbortSignal): Promise<boolean> {
    const { store, epoch, stream } = this.options;
    const { number, sequence } = part.range;
    const _id = rangeId(stream, number);
    const record = { filter: { _id, epoch, sequence, replaced: false }, update };
    try {
      await this.#session.run(async (session) => {
        if (!(await store.update('ranges', record, signal, session))) throw new NotMatched();
        for (const command of commands) await runCommand(store.client, command, session, signal);
      }, signal);
      return true;
    } catch (error) {
      if (!(error instanceof NotMatched) && codeOf(error) !== 225) throw error;
      return judge(await confirmed('ranges', this.options, _id, signal), { stream, epoch, expected: sequence });
    }
  }

  /** Adds rows to a time series, which a server does not write in a transaction. */
  async add({ source, target }: Series, rows: readonly Buffer[], signal: AbortSignal): Promise<void> {
    const { store, stream } = this.options;
    const { database, collection } = splitNamespace(target);
    const write = (session: ClientSession, txnNumber: Long): Promise<Document> =>
      store.client.db(database).command(
        {
          insert: collection,
          documents: encodedDocuments('documents', rows),
          ordered: false,
          txnNumber,
          writeConcern: { w: 'majority', j: true },
        },
        { session, signal, raw: true },
      );
    try {
      look(await this.#session.write(write, signal), source);
    } catch (error) {
      if (codeOf(error) !== 225) throw error;
      throw fencedBy(stream, (await store.stream(stream, signal))?.epoch ?? 0);
    }
  }

  close(): void {
    this.#session.close();
  }
}

/** How the record of a range moves on with its rows. */
const advance = ({ after, bytes, done, range, rows }: LoadPart): object => ({
  $set: { sequence: range.sequence + 1, done, ...(after !== null && { after: new Binary(after) }) },
  $inc: { rows: rows.length, bytes },
});

function commandsOf(part: LoadPart, target: Target, over: boolean): Command[] {
  if (part.rows.length === 0) return [];
  const command = (verb: Verb, documents: readonly Buffer[]): Command[] =>
    documents.length === 0 ? [] : [{ verb, target, documents, owners: [] }];
  const filters = (row: Buffer): Buffer[] => {
    const id = idDocument(row);
    return id === null ? [] : [id];
  };
  const putBack = part.rows.flatMap((row) => {
    const update = emptyTimestamps(row);
    if (update === 'impossible') throw unnameable(target.source);
    return update === null ? [] : filters(row).map((filter) => updateStatement(filter, update));
  });
  return [
    ...(over ? command('delete', part.rows.flatMap(filters).map(deleteStatement)) : []),
    ...command('insert', part.rows),
    ...command('update', putBack),
  ];
}
