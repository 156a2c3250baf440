import { randomUUID } from 'node:crypto';
import { UUID, type Document, type MongoClient } from 'mongodb';
import type { RawDocument } from '../../../../formats/bson/raw-document';
import { classifyWriteConcern, codeOf } from '../../errors';
import { ReplicationError, THEN_RESUME } from '../../../../core/model/errors';
import type { Namespace } from '../../../../core/model/namespace';

/** The server has another collection of this name than the one that was meant. */
export const MISMATCH = 361;

/** Runs a command that changes collections or indexes; resolves when a majority has it, whatever the deployment's default. */
export async function runDdl(
  client: MongoClient,
  database: string,
  command: Document,
  signal: AbortSignal,
): Promise<Document> {
  const reply: Document = await client
    .db(database)
    .command({ ...command, writeConcern: { w: 'majority', j: true } }, { signal });
  const concern = reply['writeConcernError'] as { readonly code?: unknown } | undefined;
  if (concern !== undefined) throw classifyWriteConcern({ code: Number(concern.code ?? 0) }, { role: 'destination' });
  return reply;
}

/** A part of a command that is sent byte for byte as it was read: in a Map its fields keep their order. */
export function sendable(part: RawDocument, target: Namespace): ReadonlyMap<string, unknown> {
  const map = part.toMap();
  if (map !== null) return map;
  throw new ReplicationError('needs_attention', {
    code: 'not_sendable',
    message: `options of ${target} or of one of its indexes cannot be sent as they are: they hold a name twice, text that is not UTF-8, or a date beyond the year 275760`,
    remedy:
      'Make the collection or the index by hand at the destination, or change it at the source; for a collection, set create_options: false.',
    then: THEN_RESUME,
    namespace: target,
  });
}

/** Where the server can, only the very collection that is meant is dropped or renamed: a successor may have made another since. */
export class Identities {
  #honoured: Promise<boolean> | undefined;

  constructor(
    private readonly client: MongoClient,
    private readonly probeDatabase: string,
  ) {}

  /** What to add to a command that drops or renames the collection with this identity. */
  async guard(identity: string | null, signal: AbortSignal): Promise<{ readonly collectionUUID?: UUID }> {
    if (identity === null || identity === '') return {};
    this.#honoured ??= this.#probe(signal);
    return (await this.#honoured) ? { collectionUUID: new UUID(identity) } : {};
  }

  /** Whether a drop that names an identity leaves other collections alone; asked with one that does not exist. */
  async #probe(signal: AbortSignal): Promise<boolean> {
    try {
      await this.client
        .db(this.probeDatabase)
        .command({ drop: `probe-${randomUUID()}`, collectionUUID: new UUID() }, { signal });
      return false;
    } catch (error) {
      return codeOf(error) === MISMATCH;
    }
  }
}
