import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { BSON, Double, Int32, MongoClient } from 'mongodb';
import { startMongo, type RunningMongo } from '../../src/servers/mongodb/server';
import type { Report } from '../../src/servers/report';
import { startTemporal, type RunningTemporal } from '../../src/servers/temporal/server';
import { searchAttributes } from '../support/search-attributes';
import type { Side } from './plan';

export type Variant = 'fast' | 'default';

/** A new run is suggested after so many events, so that several fall into one round. */
const RUN_EVENTS = 70;

/** The servers of one lane of rounds: one round at a time, which may kill them. No acknowledged write is lost by that. */
export class Stage implements AsyncDisposable {
  rounds = 0;
  #retypesKeys: boolean | undefined;
  #freesValues: boolean | undefined;

  private constructor(
    private readonly memory: string | null,
    readonly temporal: RunningTemporal,
    readonly source: RunningMongo,
    readonly destination: RunningMongo,
  ) {}

  static async open(variant: Variant, report: Report): Promise<Stage> {
    const memory = await inMemory();
    const mongo = (name: string): Promise<RunningMongo> =>
      startMongo(
        {
          variant,
          own: true,
          testCommands: true,
          syncOnCommit: true,
          // Only the embedded servers limit their history; it has to be larger than all rounds.
          onlyEmbedded: true,
          oplogMaxEntries: 5_000_000,
          oplogRetentionSeconds: 86_400,
          cacheSize: '512M',
          ...(memory !== null && { storagePath: join(memory, name) }),
        },
        report,
      );
    const [temporal, source, destination] = await Promise.all([
      startTemporal(
        {
          searchAttributes,
          ui: false,
          own: true,
          dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': RUN_EVENTS },
        },
        report,
      ),
      mongo('source'),
      mongo('destination'),
    ]);
    return new Stage(memory, temporal, source, destination);
  }

  /**
   * Whether the destination takes the key of a replacement as it is. A compatible server exists that keeps 4.0 where 4 is
   * written over it, so that both sides cannot become the same byte for byte.
   */
  async retypesKeys(): Promise<boolean> {
    this.#retypesKeys ??= await probeKeys(this.destination.uri);
    return this.#retypesKeys;
  }

  /**
   * Whether a value may come in by an insert at the destination once an update has taken it from another row. A compatible
   * server exists that refuses it for ever, so that no unique index can be in force there.
   */
  async freesValues(): Promise<boolean> {
    this.#freesValues ??= await probeValues(this.destination.uri);
    return this.#freesValues;
  }

  server(side: Side): RunningMongo {
    return side === 'source' ? this.source : this.destination;
  }

  /** Ready for another round: whatever the last one has left down is up. */
  async mend(): Promise<void> {
    for (const server of [this.temporal, this.source, this.destination])
      if (server.pid === undefined) await server.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.temporal, this.source, this.destination].map((server) => server[Symbol.asyncDispose]()));
    if (this.memory !== null) await rm(this.memory, { recursive: true, force: true });
  }
}

async function probeKeys(uri: string): Promise<boolean> {
  await using client = new MongoClient(uri, { promoteValues: false });
  const rows = client.db('chaos_probe').collection('keys');
  await rows.insertOne({ _id: new Double(4) as never });
  await rows.replaceOne({ _id: new Int32(4) }, { _id: new Int32(4) as never }, { upsert: true });
  const found = await rows.findOne();
  await client.db('chaos_probe').dropDatabase();
  return BSON.EJSON.stringify(found, { relaxed: false }).includes('$numberInt');
}

async function probeValues(uri: string): Promise<boolean> {
  await using client = new MongoClient(uri);
  const rows = client.db('chaos_probe').collection<{ _id: number; u: number }>('values');
  await rows.createIndex({ u: 1 }, { unique: true }, {});
  await rows.insertOne({ _id: 1, u: 1 });
  await rows.updateOne({ _id: 1 }, { $set: { u: 2 } });
  const frees = await rows.insertOne({ _id: 2, u: 1 }).then(
    () => true,
    () => false,
  );
  await client.db('chaos_probe').dropDatabase();
  return frees;
}

const MEMORY = '/dev/shm';
const PREFIX = 'tributary-chaos-';
const ENOUGH_BYTES = 4 * 2 ** 30;

/**
 * What a killed process has written stays, on a disk or not: files in memory are as good, and a commit that waits for them
 * costs nothing. Null where there is no such place.
 */
async function inMemory(): Promise<string | null> {
  try {
    const { bavail, bsize } = await statfs(MEMORY);
    if (bavail * bsize < ENOUGH_BYTES) return null;
    for (const name of await readdir(MEMORY))
      if (name.startsWith(PREFIX) && !isAlive(Number(name.slice(PREFIX.length).split('-')[0])))
        await rm(join(MEMORY, name), { recursive: true, force: true });
    return await mkdtemp(join(MEMORY, `${PREFIX}${process.pid}-`));
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
