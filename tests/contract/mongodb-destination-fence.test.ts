import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Binary, Document } from 'mongodb';
import type { Claim, Destination } from '../../src/core/ports/destination';
import type { RunningMongo } from '../../src/servers/mongodb/server';
import { privateMongo } from '../support/servers';
import { at, insert, never, part, remove, sourceNamespace } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { failure } from './destination-suite';

let t: MongodbFixture;
let opened: Destination[] = [];
const children: ChildProcess[] = [];

async function claim(epoch: number, expect: 'any' | 'existing' = 'any'): Promise<Claim> {
  const destination = await t.open();
  opened.push(destination);
  return destination.claim({ stream: t.stream, epoch, lanes: 2, expect }, never);
}

async function prepared(epoch = 1): Promise<Claim> {
  const made = await claim(epoch);
  await made.prepare([sourceNamespace(t.namespace)], never);
  return made;
}

/** A server of its own: its fail points must not hit other suites. */
let server: RunningMongo;
beforeAll(async () => {
  server = await privateMongo();
});
afterAll(() => server[Symbol.asyncDispose]());

beforeEach(async () => {
  t = await MongodbFixture.on(server.uri);
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
  }
  for (const destination of opened.splice(0)) await destination[Symbol.asyncDispose]();
  opened = [];
  await t[Symbol.asyncDispose]();
});

interface Writer {
  readonly child: ChildProcess;
  /** What the process says next. */
  readonly next: () => Promise<string>;
}

/** Another process, in the middle of a lane's transaction: its record and a row are written, and not committed. */
async function writerInTransaction(epoch: number): Promise<Writer> {
  const record = await t.ledger.collection<Document & { _id: string }>('ledger').findOne({ _id: `${t.stream}/lane/0` });
  const session = (record?.['session'] as Binary).toString('hex');
  const program = join(__dirname, 'destination-writer.mjs');
  const settings = {
    uri: t.uri,
    session,
    // Above what the claim of this epoch has used, below the next one's.
    number: epoch * 2 ** 26 + 5000,
    ledger: t.ledgerDatabase,
    record: `${t.stream}/lane/0`,
    namespace: t.namespace,
  };
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  expect(await next()).toBe('open');
  return { child, next };
}

/** Far below any transaction's lifetime: a claim never waits for one. */
const SOON_MS = 3_000;

describe('the fence of the MongoDB destination', () => {
  it('does not wait for a killed writer, and nothing of its open transaction remains', async () => {
    await prepared();
    const { child } = await writerInTransaction(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const start = Date.now();
    const next = await claim(2);
    expect(Date.now() - start).toBeLessThan(SOON_MS);
    expect(next.ledger.lanes[0]).toMatchObject({ lane: 0, sequence: 0, position: null });
    await next.apply(part([insert(t.namespace, { _id: 'mine' })]), never);
    expect(await t.rows(t.namespace)).toEqual([{ _id: 'mine' }]);
  });

  it('makes the commit of a frozen writer fail once it thaws', async () => {
    await prepared();
    const { child, next } = await writerInTransaction(1);
    child.kill('SIGSTOP');
    const start = Date.now();
    const successor = await claim(2);
    expect(Date.now() - start).toBeLessThan(SOON_MS);
    await successor.apply(part([insert(t.namespace, { _id: 'mine' })]), never);
    child.kill('SIGCONT');
    child.stdin?.write('commit\n');
    expect(['refused 251', 'refused 225']).toContain(await next());
    child.stdin?.write('again\n');
    expect(await next()).toMatch(/^(refused|matched 0)/u);
    expect(await t.rows(t.namespace)).toEqual([{ _id: 'mine' }]);
  });

  it('lets a writer that committed in time count, and continues behind it', async () => {
    await prepared();
    const { child, next } = await writerInTransaction(1);
    child.stdin?.write('commit\n');
    expect(await next()).toBe('committed');
    expect((await claim(2)).ledger.lanes[0]?.sequence).toBe(1);
  });

  it('takes a part for written when the answer to its commit was lost', async () => {
    const made = await prepared();
    const admin = t.client.db('admin');
    await admin.command({
      configureFailPoint: 'failCommand',
      mode: { times: 1 },
      data: {
        failCommands: ['commitTransaction'],
        writeConcernError: { code: 91, errmsg: 'shutting down' },
        errorLabels: ['RetryableWriteError'],
      },
    });
    try {
      await made.apply(part([insert(t.namespace, { _id: 1 })]), never);
    } finally {
      await admin.command({ configureFailPoint: 'failCommand', mode: 'off' });
    }
    expect(await t.rows(t.namespace)).toEqual([{ _id: 1 }]);
    expect((await made.apply(part([remove(t.namespace, 1)], { expected: 1 }), never)).fresh).toBe(true);
  });

  it.each(['update', 'insert', 'commitTransaction'])(
    'writes once when the connection breaks in %s',
    async (command) => {
      const made = await prepared();
      const admin = t.client.db('admin');
      await admin.command({
        configureFailPoint: 'failCommand',
        mode: { times: 1 },
        data: { failCommands: [command], closeConnection: true, appName: `tributary/${t.stream}` },
      });
      try {
        await made.apply(part([insert(t.namespace, { _id: 1 })]), never);
      } finally {
        await admin.command({ configureFailPoint: 'failCommand', mode: 'off' });
      }
      expect(await t.rows(t.namespace)).toEqual([{ _id: 1 }]);
      expect((await claim(2)).ledger.lanes[0]).toMatchObject({ lane: 0, sequence: 1, position: at(1) });
    },
  );

  it.each([
    ['create', (made: Claim) => made.prepare([sourceNamespace(`${t.database}.new`)], never)],
    ['drop', (made: Claim) => made.discard(t.namespace, never)],
  ])('fails where a %s is not known to be on a majority', async (command, act) => {
    const made = await prepared();
    const admin = t.client.db('admin');
    await admin.command({
      configureFailPoint: 'failCommand',
      mode: 'alwaysOn',
      data: {
        failCommands: [command],
        writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' },
        appName: `tributary/${t.stream}`,
      },
    });
    try {
      const error = await failure(act(made));
      expect([error.kind, error.code]).toEqual(['retry', 'write_concern']);
    } finally {
      await admin.command({ configureFailPoint: 'failCommand', mode: 'off' });
    }
  });

  it('shows an older low water when the destination was restored from an older state', async () => {
    const made = await prepared();
    await made.advance(at(1), never);
    const before = await t.ledger.collection('ledger').find({}).toArray();
    await made.advance(at(2), never);
    await t.ledger.collection('ledger').deleteMany({});
    await t.ledger.collection('ledger').insertMany(before);
    expect((await claim(2, 'existing')).ledger).toMatchObject({ epoch: 2, lowWater: at(1) });
  });

  it('says so when the ledger is gone', async () => {
    await prepared();
    await t.ledger.dropDatabase();
    expect((await failure(claim(2, 'existing'))).code).toBe('ledger_missing');
  });

  it('begins anew, at a low epoch too, after the ledger was removed', async () => {
    await claim(9);
    await t.ledger.dropDatabase();
    expect((await claim(1)).ledger.epoch).toBe(1);
  });

  it('shows what a thawed pump has dropped as replaced, until it is copied anew', async () => {
    await prepared();
    await t.collection().drop();
    expect((await claim(2)).ledger.replaced).toEqual([t.namespace]);
    await t.client.db(t.database).createCollection('orders');
    const again = await claim(3);
    expect(again.ledger.replaced).toEqual([t.namespace]);
    await again.discard(t.namespace, never);
    expect((await claim(4)).ledger.replaced).toEqual([]);
  });

  it('runs a schema change again whose intent was recorded and whose end was not', async () => {
    const made = await prepared();
    const drop = { op: 'drop', namespace: t.namespace, kind: 'drop', sourceTimeMs: 1 } as const;
    await made.alter({ ...drop, op: 'other', kind: 'createIndexes' }, at(2), never);
    // As a crash right after the drop leaves it.
    await t.ledger.collection<Document & { _id: string }>('ledger').updateOne(
      { _id: t.stream },
      {
        $set: {
          barrier: {
            position: { source: 'made-up', history: 'h', token: JSON.stringify({ at: 3 }) },
            state: 'intent',
            touches: [t.namespace],
          },
        },
      },
    );
    await t.collection().drop();
    const next = await claim(2);
    expect(next.ledger).toMatchObject({ barrier: { position: at(3), state: 'intent' }, replaced: [] });
    await next.alter(drop, at(3), never);
    expect((await claim(3)).ledger).toMatchObject({ barrier: { state: 'done' }, replaced: [] });
  });

  it('drops the namespaces of the stream with their database, and leaves its neighbours', async () => {
    const made = await prepared();
    await t.collection(`${t.database}.other`).insertOne({ _id: 1 });
    await made.alter(
      { op: 'drop_database', namespace: t.database, kind: 'dropDatabase', sourceTimeMs: 1 },
      at(2),
      never,
    );
    const left = await t.client.db(t.database).listCollections().toArray();
    expect(left.map(({ name }) => name)).toEqual(['other']);
  });

  it('refuses two namespaces that would share a target', async () => {
    const destination = await t.open({ database: t.database });
    opened.push(destination);
    const made = await destination.claim({ stream: t.stream, epoch: 1, lanes: 1, expect: 'any' }, never);
    const error = await failure(made.prepare([sourceNamespace('a.orders'), sourceNamespace('b.orders')], never));
    expect([error.kind, error.code]).toEqual(['needs_attention', 'target_conflict']);
  });

  it('keeps rows and keys out of its messages', async () => {
    const made = await prepared();
    await t.collection().createIndexes([{ key: { secret: 1 }, unique: true }]);
    await t.collection().insertOne({ _id: 1, secret: 'canary-4711' });
    const error = await failure(made.apply(part([insert(t.namespace, { _id: 2, secret: 'canary-4711' })]), never));
    expect([error.kind, error.code]).toEqual(['poison', 'duplicate_key']);
    expect(error.keyHash).toBe(insert(t.namespace, { _id: 2 }).key.hash);
    const cause = error.cause as Error | undefined;
    expect(`${error.stack ?? ''}${String(cause)}${cause?.stack ?? ''}${JSON.stringify(error)}`).not.toContain('canary');
    expect(await t.rows(t.namespace)).toHaveLength(1);
  });
});
