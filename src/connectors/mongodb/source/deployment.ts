import type { Document, MongoClient, ReadPreference, Timestamp } from 'mongodb';
import { abortable } from '../../../core/async/abortable';
import { classify } from '../errors';
import { isReplicationError, ReplicationError } from '../../../core/model/errors';
import type { HistoryWindow } from '../../../core/ports/source';
import { SharedCache } from './shared-cache';
import { filledOf, Forgetting, keepsMs } from './oplog-reach';

/** Runs a driver call; whatever it throws leaves as a `ReplicationError`. */
export async function ask<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw classify(error, { role: 'source' });
  }
}

/** Null where the server does not let this be asked, or not in time; a server that is away is no answer. */
async function answered<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await ask(call);
  } catch (error) {
    const silent = isReplicationError(error) && (error.kind !== 'retry' || NO_ANSWER.has(error.code));
    if (silent) return null;
    throw error;
  }
}

const NO_ANSWER: ReadonlySet<string> = new Set(['time_limit', 'server_error']);

interface Hello extends Document {
  readonly setName?: string;
  readonly msg?: string;
  readonly topologyVersion?: { readonly processId?: { toString(): string } };
}

/** Of all deployments that streams of this worker read. */
const OLDEST = new SharedCache<Timestamp>();
const FILLED = new SharedCache<number>();
const FORGETS = new Forgetting();

/** The deployment behind a client: who it is, and how far back it remembers. */
export class Deployment {
  readonly #client: MongoClient;
  /** The last question to the oplog, answered or not. */
  #asked: Promise<unknown> = Promise.resolve();

  constructor(client: MongoClient) {
    this.#client = client;
  }

  hello(signal?: AbortSignal): Promise<Hello> {
    return ask(() => this.#client.db('admin').command({ hello: 1 }, signal ? { signal } : {}));
  }

  /** Which run of the primary's server program answers; null where it does not tell. */
  async process(signal: AbortSignal): Promise<string | null> {
    return (await this.hello(signal)).topologyVersion?.processId?.toString() ?? null;
  }

  /** `set:NAME:ID`, `cluster:ID`; without the id where it cannot be read. */
  async history(): Promise<string> {
    const hello = await this.hello();
    if (hello.msg === 'isdbgrid') {
      const version = await this.#tryRead('config', { find: 'version', filter: {}, limit: 1, singleBatch: true });
      const id = (version?.['cursor'] as { firstBatch?: { clusterId?: { toString(): string } }[] } | undefined)
        ?.firstBatch?.[0];
      return id?.clusterId === undefined ? 'cluster:sharded' : `cluster:sharded:${id.clusterId.toString()}`;
    }
    if (hello.setName === undefined) {
      throw new ReplicationError('needs_attention', {
        code: 'not_a_replica_set',
        message: 'the source is a single server without a replica set, so it has no change streams',
        remedy: 'Run it as a replica set (one member is enough): start it with --replSet, then rs.initiate().',
      });
    }
    const reply = await this.#tryRead('admin', { replSetGetConfig: 1 });
    const settings = (reply?.['config'] as { settings?: { replicaSetId?: { toString(): string } } } | undefined)
      ?.settings;
    const id = settings?.replicaSetId?.toString();
    // Some compatible servers make one up at every start: an id that is the process's own tells no lineage.
    const stable = id !== undefined && id !== hello.topologyVersion?.processId?.toString();
    return stable ? `set:${hello.setName}:${id}` : `set:${hello.setName}`;
  }

  /** Cluster time of the newest write that this client can see. */
  async now(signal: AbortSignal): Promise<Timestamp> {
    const reply = await ask(() => this.#client.db('admin').command({ ping: 1 }, { signal }));
    return operationTime(reply);
  }

  /** Time of the oldest or newest oplog entry; null where it cannot be read, or not quickly. */
  async oplogTime(which: 'oldest' | 'newest', signal: AbortSignal, readPreference?: ReadPreference) {
    const find = this.#client
      .db('local')
      .collection<{ ts: Timestamp }>('oplog.rs')
      .find({}, { projection: { _id: 0, ts: 1 }, signal, ...(readPreference && { readPreference }) })
      .sort({ $natural: which === 'oldest' ? 1 : -1 })
      .limit(1)
      .maxTimeMS(20_000);
    const entries = await this.#inTurn(() => find.toArray(), signal);
    return entries?.[0]?.ts ?? null;
  }

  /** Whether the oplog has an entry of exactly this time; null where that cannot be told, or not quickly. */
  async oplogHas(time: Timestamp, signal: AbortSignal): Promise<boolean | null> {
    const find = this.#client
      .db('local')
      .collection('oplog.rs')
      .find({ ts: time }, { projection: { _id: 0, ts: 1 }, signal })
      .limit(1)
      .maxTimeMS(2_000);
    const entries = await this.#inTurn(() => find.toArray(), signal);
    return entries === null ? null : entries.length > 0;
  }

  /** One question at a time: some servers read their whole oplog into memory for each. */
  async #inTurn<T>(question: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
    const before = this.#asked;
    const answer = answered(async () => {
      await abortable(before, signal);
      return question();
    });
    this.#asked = Promise.allSettled([before, answer]);
    return answer;
  }

  /** The oldest entry's time as of some seconds ago at most, or of some more where it takes long to find out. */
  oldestLately(signal: AbortSignal): Promise<Timestamp | null> {
    return ask(() => OLDEST.get(this.#name, this.#askOldest, signal));
  }

  /** The same as of now, except where it takes long to find out. */
  oldest(signal: AbortSignal): Promise<Timestamp | null> {
    return ask(() => OLDEST.fresh(this.#name, this.#askOldest, signal));
  }

  /** Others may wait for the answer when the one who asks no longer does. */
  readonly #askOldest = (): Promise<Timestamp | null> => this.oplogTime('oldest', new AbortController().signal);

  /** The same for all streams that name the same servers, and see the same of them. */
  get #name(): string {
    const { credentials, hosts, srvHost } = this.#client.options;
    return [credentials?.username ?? '', srvHost ?? '', ...hosts.map(String)].join(' ');
  }

  async window(signal: AbortSignal): Promise<HistoryWindow> {
    const window = await this.windowOrNull(signal);
    if (window === null) {
      throw new ReplicationError('needs_attention', {
        code: 'window_unknown',
        message: 'the source does not show how far back its oplog reaches',
        remedy: 'Grant the user `read` on the database `local`, to be warned before history is lost.',
      });
    }
    return window;
  }

  /** Null where the server does not let the oplog be read, or has none. */
  async windowOrNull(signal: AbortSignal): Promise<HistoryWindow | null> {
    const oldest = await this.oldestLately(signal);
    if (oldest === null) return null;
    const [newest, filled] = await Promise.all([
      this.now(signal),
      ask(() => FILLED.get(this.#name, this.#askFilled, signal)),
    ]);
    const span = { oldestMs: oldest.t * 1000, newestMs: newest.t * 1000 };
    return { ...span, keepsMs: keepsMs({ ...span, filled, forgets: FORGETS.see(this.#name, oldest) }) };
  }

  /** How full the oplog is, 0 to 1; null where the server does not tell. */
  readonly #askFilled = async (): Promise<number | null> => {
    const stats = [{ $collStats: { storageStats: {} } }];
    const oplog = this.#client.db('local').collection('oplog.rs');
    const reply = await answered(() => oplog.aggregate(stats, { maxTimeMS: 2_000 }).toArray());
    return filledOf((reply?.[0]?.['storageStats'] ?? {}) as Document);
  };

  /** The reply to a command that not every user may run and not every server knows. */
  async #tryRead(database: string, command: Document): Promise<Document | null> {
    return await this.#client
      .db(database)
      .command(command)
      .catch(() => null);
  }
}

export function operationTime(reply: Document): Timestamp {
  const time = reply['operationTime'] as Timestamp | undefined;
  if (time !== undefined) return time;
  throw new ReplicationError('needs_attention', {
    code: 'no_cluster_time',
    message: 'the source tells no operation time',
    remedy: 'Use a replica set or a sharded cluster of MongoDB 4.2 or later.',
  });
}
