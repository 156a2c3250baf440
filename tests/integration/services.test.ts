import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Connection } from '@temporalio/client';
import { MongoClient } from 'mongodb';
import { Child } from '../../src/servers/child';
import { silent } from '../../src/servers/report';
import { startMongo } from '../../src/servers/mongodb/server';
import { startTemporal } from '../../src/servers/temporal/server';
import { waitFor } from '../../src/servers/wait';
import { privateMongo, privateTemporal, sharedMongo, sharedTemporal, uniqueName } from '../support/servers';

const listening = async (port: number): Promise<Server> => {
  const server = createServer((socket) => socket.on('error', () => undefined).destroy()).listen({
    host: '127.0.0.1',
    port,
  });
  await once(server, 'listening');
  return server;
};

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

async function withVariable<T>(name: string, value: string, use: () => Promise<T>): Promise<T> {
  const before = process.env[name];
  process.env[name] = value;
  try {
    return await use();
  } finally {
    if (before === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before;
  }
}

describe('MongoDB', () => {
  it('answers as a primary with change streams and transactions', async () => {
    await using client = new MongoClient(sharedMongo('source'));
    const orders = client.db(uniqueName('services')).collection<{ _id: number }>('orders');
    await orders.insertOne({ _id: 0 });
    await using changes = orders.watch();
    const seen = changes.next();
    await client.withSession((session) => session.withTransaction(() => orders.insertOne({ _id: 1 }, { session })));
    expect(await seen).toMatchObject({ operationType: 'insert', documentKey: { _id: 1 } });
  });

  it('keeps acknowledged writes over SIGKILL and restarts at the same address', async () => {
    await using mongo = await privateMongo();
    await using client = new MongoClient(mongo.uri);
    const rows = client.db('kept').collection<{ _id: number }>('rows');
    for (let _id = 0; _id < 50; _id++) await rows.insertOne({ _id });
    const { pid, uri } = mongo;
    await mongo.kill('SIGKILL');
    expect(mongo.pid).toBeUndefined();
    await mongo.restart();
    expect(mongo.uri).toBe(uri);
    expect(mongo.pid).not.toBe(pid);
    await using again = new MongoClient(uri);
    expect(await again.db('kept').collection('rows').countDocuments()).toBe(50);
  });

  it('asks for credentials when told to', async () => {
    const auth = { username: 'ana', password: 'p@ss/word' };
    await using mongo = await privateMongo({ auth });
    await using client = new MongoClient(mongo.uri);
    await client.db('guarded').collection('rows').insertOne({});
    await using stranger = new MongoClient(mongo.uri.replace(/\/\/.*@/, '//'));
    await expect(stranger.db('guarded').collection('rows').findOne()).rejects.toMatchObject({ code: 13 });
  });

  it('keeps the data of a storage path after the server is disposed of, and nothing else', async () => {
    const storagePath = await mkdtemp(join(tmpdir(), 'tributary-services-'));
    try {
      for (const expected of [0, 1]) {
        await using mongo = await privateMongo({ storagePath });
        await using client = new MongoClient(mongo.uri);
        expect(await client.db('kept').collection('rows').countDocuments()).toBe(expected);
        await client.db('kept').collection('rows').insertOne({});
      }
      expect((await stat(storagePath)).isDirectory()).toBe(true);
    } finally {
      await rm(storagePath, { recursive: true });
    }
  });

  it('takes the address of the environment, and refuses to kill that server', async () => {
    await withVariable('TRIBUTARY_TEST_MONGODB_URI', sharedMongo('source'), async () => {
      await using mongo = await startMongo({}, silent);
      expect(mongo.uri).toBe(sharedMongo('source'));
      await expect(mongo.kill('SIGKILL')).rejects.toThrow('was not started here');
      await expect(mongo.restart()).rejects.toThrow('was not started here');
    });
  });

  it('names all that was tried and how to get a server when there is none', async () => {
    const home = await mkdtemp(join(tmpdir(), 'tributary-services-'));
    try {
      await withVariable('PATH', '/nonexistent', () =>
        withVariable('TRIBUTARY_HOME', home, async () => {
          const failure = startMongo({ onlyEmbedded: true }, silent);
          await expect(failure).rejects.toThrow(/there is no python3 on PATH[^]*install Python 3 with pip/);
        }),
      );
    } finally {
      await rm(home, { recursive: true });
    }
  });
});

describe('Temporal', () => {
  it('keeps its namespace and search attributes over SIGKILL and restart', async () => {
    await using temporal = await startTemporal({ own: true, searchAttributes: { ServicesTest: 'Keyword' } }, silent);
    await temporal.kill('SIGKILL');
    await temporal.restart();
    const connection = await Connection.connect({ address: temporal.address });
    try {
      const { namespace } = temporal;
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      expect(Object.keys(customAttributes)).toContain('ServicesTest');
    } finally {
      await connection.close();
    }
    const page = await fetch(temporal.uiUrl!);
    expect(page.status).toBe(200);
  });

  it('takes the address of the environment and registers what is missing there', async () => {
    const name = uniqueName('Services');
    await using temporal = await privateTemporal();
    await withVariable('TEMPORAL_ADDRESS', temporal.address, async () => {
      await using same = await startTemporal({ searchAttributes: { [name]: 'Keyword' } }, silent);
      expect(same.address).toBe(temporal.address);
      await expect(same.restart()).rejects.toThrow('was not started here');
    });
    const connection = await Connection.connect({ address: temporal.address });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    await connection.close();
    expect(Object.keys(customAttributes)).toContain(name);
  });

  it('is shared', async () => {
    const connection = await Connection.connect({ address: sharedTemporal().address });
    await connection.close();
  });
});

it.each([
  ['MongoDB', privateMongo],
  ['Temporal', privateTemporal],
])('%s starts on another port when its own is taken between choosing and binding', async (_name, begin) => {
  const start = Child.start.bind(Child);
  const ports: number[] = [];
  let other: Server | undefined;
  const starts = jest.spyOn(Child, 'start').mockImplementation(async (command) => {
    const port = Number(command.args[command.args.indexOf('--port') + 1]);
    ports.push(port);
    other ??= await listening(port);
    return start(command);
  });
  try {
    await using server = await begin();
    expect(ports).toHaveLength(2);
    expect(JSON.stringify(server)).toContain(`127.0.0.1:${ports[1]}`);
  } finally {
    starts.mockRestore();
    await other?.[Symbol.asyncDispose]();
  }
});

it('ends the servers of a process that was killed', async () => {
  const program = ['-r', '@swc-node/register', join(__dirname, '../support/parent.ts')];
  const parent = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
  const pids = Object.values(JSON.parse(line) as Record<string, number>);
  expect(pids.map(isGone)).toEqual([false, false]);
  parent.kill('SIGKILL');
  const gone = () => Promise.resolve(pids.every(isGone) ? true : undefined);
  await waitFor(gone, { what: 'the end of both servers', timeoutMs: 15_000 });
});
