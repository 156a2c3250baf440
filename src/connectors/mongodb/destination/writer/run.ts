import type { ClientSession, Document, MongoClient } from 'mongodb';
import { find, names } from '../../../../formats/bson/walk';
import { classifyStatement, classifyWriteConcern } from '../../errors';
import { encodedDocuments } from '../../driver/internals';
import type { Change } from '../../../../core/model/change';
import { deltaMissed, type ReplicationError } from '../../../../core/model/errors';
import { splitNamespace, type Namespace } from '../../../../core/model/namespace';
import type { Verb } from './compose';
import type { Target } from '../schema/targets';

const FIELD: Readonly<Record<Verb, string>> = { insert: 'documents', update: 'updates', delete: 'deletes' };
const REFUSAL = names('index', 'code');
/**
 * The row is there already, or under an `_id` that the server holds for equal and will not replace; or it has names at
 * the top that may be inserted, but not put in place of another row.
 */
const OBSTRUCTED = new Set([11000, 66, 52, 56, 57]);
/** Codes with which the server says that an update does not fit its row. */
const MISFITS = new Set([2, 9, 14, 28, 29, 40, 52, 56, 57, 66]);

export interface Command {
  readonly verb: Verb;
  readonly target: Target;
  readonly documents: readonly Buffer[];
  /** The change of each statement; none for rows of the copy. */
  readonly owners: readonly Change[];
}

/** The server refuses a full state that another way of writing it may get through. */
export class Obstructed extends Error {
  override readonly name = 'Obstructed';

  constructor(readonly refusal: ReplicationError) {
    super('a row is in the way');
  }
}

/** Far below what a server takes in one message. */
const MESSAGE_BYTES = 24 * 1024 * 1024;

/** Sends ready-made statements, in as many messages as it takes. */
export async function runCommand(
  client: MongoClient,
  command: Command,
  session: ClientSession,
  signal: AbortSignal,
): Promise<void> {
  for (const message of messagesOf(command)) await send(client, message, session, signal);
}

function* messagesOf(command: Command): Generator<Command> {
  const { documents, owners } = command;
  let from = 0;
  let bytes = 0;
  for (const [at, { length }] of documents.entries()) {
    if (bytes > 0 && bytes + length > MESSAGE_BYTES) {
      yield { ...command, documents: documents.slice(from, at), owners: owners.slice(from, at) };
      from = at;
      bytes = 0;
    }
    bytes += length;
  }
  yield from === 0 ? command : { ...command, documents: documents.slice(from), owners: owners.slice(from) };
}

/** Checks everything that the server says about the statements of one message. */
async function send(client: MongoClient, command: Command, session: ClientSession, signal: AbortSignal): Promise<void> {
  const { verb, target, documents } = command;
  const { database, collection } = splitNamespace(target.name);
  const body: Document = {
    [verb]: collection,
    [FIELD[verb]]: encodedDocuments(FIELD[verb], documents),
    ordered: true,
    // Only where it matters: it needs a privilege of its own.
    ...(target.validated && verb !== 'delete' && { bypassDocumentValidation: true }),
  };
  // Raw, because the reply lists every upsert: decoding the list would cost time and is of no use.
  const reply = await client.db(database).command(body, { session, signal, raw: true });
  const [error] = (reply['writeErrors'] as readonly Buffer[] | undefined) ?? [];
  if (error !== undefined) throw refused(command, error);
  lookAtConcern(reply, target.source);
  // A delete of an absent key succeeds; anything else has to have met its row or made it.
  if (verb === 'delete' || Number(reply['n']) === documents.length) return;
  throw command.owners.some(({ op }) => op === 'update') ? deltaMissed(target.source) : missing(target.source);
}

/** Whether all of an insert has become durable; what was not will be met as missing. */
export function look(reply: Document, namespace: Namespace): void {
  const [error] = (reply['writeErrors'] as readonly Buffer[] | undefined) ?? [];
  if (error !== undefined) throw classifyStatement({ code: numbers(error).code }, { role: 'destination', namespace });
  lookAtConcern(reply, namespace);
}

function lookAtConcern(reply: Document, namespace: Namespace): void {
  const concern = reply['writeConcernError'] as Buffer | undefined;
  if (concern !== undefined)
    throw classifyWriteConcern({ code: numbers(concern).code }, { role: 'destination', namespace });
}

const missing = (namespace: Namespace): ReplicationError =>
  classifyStatement({ code: 0 }, { role: 'destination', namespace });

function numbers(bytes: Buffer): { index: number; code: number } {
  const [index, code] = find(bytes, 0, REFUSAL);
  return { index: index ? bytes.readInt32LE(index.start) : 0, code: code ? bytes.readInt32LE(code.start) : 0 };
}

function refused({ owners, target }: Command, error: Buffer): Error {
  const { index, code } = numbers(error);
  const owner = owners[index];
  if (owner?.op === 'update' && MISFITS.has(code)) return deltaMissed(target.source);
  const refusal = classifyStatement(
    { code },
    { role: 'destination', namespace: target.source, ...(owner && { keyHash: owner.key.hash }) },
  );
  return OBSTRUCTED.has(code) ? new Obstructed(refusal) : refusal;
}
