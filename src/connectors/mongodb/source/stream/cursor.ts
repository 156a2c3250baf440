import { MongoServerError, type ClientSession, type Db, type Document, type MongoClient } from 'mongodb';
import { getMore, killCursor, runCursor, type CursorReply } from '../../driver/raw';
import type { Selection } from '../../../../core/mapping/pattern';
import { classify, codeOf } from '../../errors';
import { streamPipeline, type StreamFeatures } from './filter';

/** Codes with which a server refuses a stage or an option that it does not know. */
const NOT_KNOWN = new Set([2, 9, 72, 115, 303, 40324, 40415, 50849, 51024, 6188501, 7182802]);

const UNKNOWN_OPTION = 40415;
const TOKEN_REFUSED: ReadonlySet<number> = new Set([280, 260, 9, 40647, 40649, 50811]);

/** The token is not, or no longer, understood: its time may still do. */
export const isTokenRefused = (error: unknown): boolean => TOKEN_REFUSED.has(codeOf(error) ?? 0);

const WISHES: readonly StreamFeatures[] = [
  { expanded: true, split: true },
  { expanded: true, split: false },
  { expanded: false, split: true },
  { expanded: false, split: false },
];

/** Opens change streams over what a stream follows, with all that the server can do. */
export class ChangeStreams {
  readonly #client: MongoClient;
  readonly #selection: Selection;
  #features: StreamFeatures | null = null;

  constructor(client: MongoClient, selection: Selection) {
    this.#client = client;
    this.#selection = selection;
  }

  /** Without a first batch the reply comes at once, however long the server has to look for the first event. */
  async open(start: Document, signal: AbortSignal, firstBatch = 0): Promise<OpenStream> {
    if (this.#features !== null) return await this.#open(start, this.#features, signal, firstBatch);
    for (const features of WISHES) {
      try {
        // Tried without a start point: a refusal is then about the features.
        const probe = await this.#open({}, features, signal, 0);
        await probe.close();
        this.#features = features;
        break;
      } catch (error) {
        const code = codeOf(error);
        const plain = !features.expanded && !features.split;
        if (plain || code === undefined || !NOT_KNOWN.has(code)) throw error;
      }
    }
    return await this.open(start, signal, firstBatch);
  }

  /** After what a token names. */
  async openAfter(token: Document, signal: AbortSignal, firstBatch = 0): Promise<OpenStream> {
    try {
      return await this.open({ startAfter: token }, signal, firstBatch);
    } catch (error) {
      if (codeOf(error) !== UNKNOWN_OPTION) throw error;
      return await this.open({ resumeAfter: token }, signal, firstBatch);
    }
  }

  /**
   * Whether the server would still go on after a token. Some servers read their log only once they are read from, MongoDB among
   * them: of those, `goes` says no more than that the token has the right form.
   */
  async goesOnAfter(token: Document, signal: AbortSignal): Promise<'goes' | 'lost' | 'unknown'> {
    try {
      const open = await this.openAfter(token, signal);
      await open.close(true);
      return 'goes';
    } catch (error) {
      if (isTokenRefused(error)) return 'unknown';
      const failure = classify(error, { role: 'source' });
      if (failure.kind === 'retry') throw failure;
      return failure.code === 'history_lost' ? 'lost' : 'unknown';
    }
  }

  /** What the server can do; known once a stream was opened. */
  get features(): StreamFeatures | null {
    return this.#features;
  }

  async #open(start: Document, features: StreamFeatures, signal: AbortSignal, batchSize: number): Promise<OpenStream> {
    const db = this.#client.db(this.#selection.database ?? 'admin');
    const session = this.#client.startSession({ causalConsistency: false });
    try {
      const pipeline = streamPipeline(this.#selection, features, start);
      const command = { aggregate: 1, pipeline, cursor: { batchSize }, readConcern: { level: 'majority' } };
      const reply = await runCursor(db, command, { session }, signal);
      return new OpenStream(db, session, reply);
    } catch (error) {
      await session.endSession();
      throw error;
    }
  }
}

export class OpenStream {
  readonly #db: Db;
  readonly #session: ClientSession;
  readonly #collection: string;
  readonly opened: CursorReply;
  #id: bigint;

  constructor(db: Db, session: ClientSession, opened: CursorReply) {
    this.#db = db;
    this.#session = session;
    this.#collection = opened.namespace.slice(db.databaseName.length + 1);
    this.opened = opened;
    this.#id = opened.id;
  }

  /** False once the server has closed the cursor, as after an invalidate. */
  get alive(): boolean {
    return this.#id !== 0n;
  }

  async next(batchSize: number, maxAwaitMs: number, signal: AbortSignal): Promise<CursorReply> {
    const cursor = { id: this.#id, collection: this.#collection };
    try {
      const options = { session: this.#session, batchSize, maxTimeMs: maxAwaitMs };
      const reply = await getMore(this.#db, cursor, options, signal);
      this.#id = reply.id;
      return reply;
    } catch (error) {
      // After a refusal the cursor is gone; after anything else it may live on.
      if (error instanceof MongoServerError) this.#id = 0n;
      throw error;
    }
  }

  /** Frees the cursor at the server; `hasty` does not wait for its answer. */
  async close(hasty = false): Promise<void> {
    const cursor = { id: this.#id, collection: this.#collection };
    this.#id = 0n;
    const freed = killCursor(this.#db, cursor, { session: this.#session })
      .then(() => this.#session.endSession())
      .catch(() => undefined);
    if (!hasty) await freed;
  }
}
