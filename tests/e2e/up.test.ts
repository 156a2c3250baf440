import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { eventually } from '../support/eventually';
import { sharedMongo, sharedTemporal, uniqueName } from '../support/servers';

const STARTER = join(__dirname, '..', '..', 'dist', 'starter.js');
const PATIENCE_MS = 60_000;

/** `tributary up` with one stream from shop to shop, in a directory of its own. */
async function up(service: string) {
  const directory = await mkdtemp(join(tmpdir(), 'tributary-up-'));
  const database = uniqueName('shop');
  const file = join(directory, 'streams.yaml');
  await writeFile(
    file,
    `version: "1"
service: ${service}
streams:
  - id: ${uniqueName('up')}
    source:      { type: mongodb, connection_string: "\${env:SOURCE_URI}", database: ${database} }
    destination: { type: mongodb, connection_string: "\${env:TARGET_URI}" }
    advanced:    { heartbeat_timeout: 5s }
`,
  );
  const { address, namespace } = sharedTemporal();
  const env = {
    ...process.env,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TRIBUTARY_TASK_QUEUE: uniqueName('queue'),
    TRIBUTARY_HOME: directory,
    SOURCE_URI: sharedMongo('source'),
    TARGET_URI: sharedMongo('destination'),
  };
  const source = await new MongoClient(env.SOURCE_URI).connect();
  const target = await new MongoClient(env.TARGET_URI).connect();
  const start = () => {
    const child = spawn(process.execPath, [STARTER, 'up', '-f', file], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const seen = { child, err: '', exited: once(child, 'exit') as Promise<[number | null]> };
    child.stderr.setEncoding('utf8').on('data', (text: string) => (seen.err += text));
    return seen;
  };
  return {
    start,
    source: source.db(database).collection<{ _id: number }>('orders'),
    target: target.db(database).collection<{ _id: number }>('orders'),
    async [Symbol.asyncDispose]() {
      await Promise.all([source.close(), target.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

it('replaces its worker when that is killed, and the stream goes on; Ctrl-C ends it with status 0', async () => {
  await using shop = await up('{ metrics_port: 0, health_port: 0 }');
  await shop.source.insertOne({ _id: 1 });
  const running = shop.start();
  try {
    await eventually(async () => expect(await shop.target.countDocuments()).toBe(1), PATIENCE_MS);
    const pid = Number(/^worker (\d+), log in /m.exec(running.err)?.[1]);
    process.kill(pid, 'SIGKILL');
    await shop.source.insertOne({ _id: 2 });
    await eventually(async () => expect(await shop.target.countDocuments()).toBe(2), PATIENCE_MS);
    expect(running.err).toContain(`worker ${pid} ended with signal SIGKILL; another one starts in 1.0 s\n`);
    expect(running.err).toMatch(/^worker \d+ goes on$/m);
    running.child.kill('SIGINT');
    expect((await running.exited)[0]).toBe(0);
  } finally {
    running.child.kill('SIGKILL');
  }
});

it('ends when its workers fail at their start again and again, and shows why', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await using shop = await up(`{ metrics_port: ${port}, health_port: 0 }`);
  const running = shop.start();
  try {
    expect((await running.exited)[0]).toBe(1);
    expect(running.err.match(/ended with exit status 1; another one starts in/g)).toHaveLength(2);
    expect(running.err).toMatch(/at its start, several times in a row; its last lines:\n[^]*port/);
  } finally {
    running.child.kill('SIGKILL');
    taken.close();
  }
});
