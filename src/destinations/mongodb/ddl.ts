import { randomUUID } from 'node:crypto';
import { UUID, type Document, type MongoClient } from 'mongodb';
import { classifyWriteConcern, codeOf } from '../../mongodb/errors';

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
