import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { MongoClient } from 'mongodb';
import { silent } from '../../src/servers/report';
import { temporalProgram } from '../../src/servers/temporal/cli';
import { eventually } from '../support/eventually';
import { sharedMongo, sharedTemporal, uniqueName } from '../support/servers';

const STARTER = join(__dirname, '..', '..', 'dist', 'starter.js');
const PATIENCE_MS = 60_000;
const PORTS = '{ metrics_port: 0, health_port: 0 }';

/** `tributary up` with one stream from shop to shop, in a directory of its own. */
async function up(service: string, more: NodeJS.ProcessEnv = {}) {
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
    ...more,
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
  await using shop = await up(PORTS);
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

describe('with a Temporal of its own', () => {
  /** Nothing is configured; `temporal` is a script that tells its process id and then does what the test says. */
  async function embedded(then: string) {
    const directory = await mkdtemp(join(tmpdir(), 'tributary-temporal-'));
    const script = join(directory, 'temporal');
    await writeFile(script, `#!/bin/sh\necho $$ > '${directory}/pid'\nexec ${then}\n`, { mode: 0o755 });
    // Whatever listens at the usual port belongs to another run.
    await writeFile(join(directory, 'temporal.toml'), 'profile.default.address = "127.0.0.1:1"\n');
    const shop = await up(PORTS, {
      TEMPORAL_ADDRESS: undefined,
      TEMPORAL_NAMESPACE: undefined,
      TEMPORAL_CONFIG_FILE: join(directory, 'temporal.toml'),
      PATH: `${directory}${delimiter}${process.env['PATH'] ?? ''}`,
    });
    return {
      ...shop,
      pid: async (): Promise<number> => Number(await readFile(join(directory, 'pid'), 'utf8')),
      async [Symbol.asyncDispose]() {
        await shop[Symbol.asyncDispose]();
        await rm(directory, { recursive: true, force: true });
      },
    };
  }

  it('starts it again when it is killed, and goes on', async () => {
    await using shop = await embedded(`'${await temporalProgram(silent)}' "$@"`);
    await shop.source.insertOne({ _id: 1 });
    const running = shop.start();
    try {
      await eventually(async () => expect(await shop.target.countDocuments()).toBe(1), PATIENCE_MS);
      const first = await shop.pid();
      process.kill(first, 'SIGKILL');
      await eventually(async () => expect(await shop.pid()).not.toBe(first), PATIENCE_MS);
      expect(running.err).toContain('Temporal ended with signal SIGKILL; it is started again\n');
      await shop.source.insertOne({ _id: 2 });
      await eventually(async () => expect(await shop.target.countDocuments()).toBe(2), PATIENCE_MS);
      running.child.kill('SIGINT');
      expect((await running.exited)[0]).toBe(0);
    } finally {
      running.child.kill('SIGKILL');
    }
  });

  it('Ctrl-C while it starts ends both at once with status 0', async () => {
    await using shop = await embedded('sleep 600');
    const running = shop.start();
    try {
      let pid = 0;
      await eventually(async () => void (pid = await shop.pid()), PATIENCE_MS);
      // It is waited for up to a minute.
      const signalled = Date.now();
      running.child.kill('SIGINT');
      expect({ status: (await running.exited)[0], err: running.err }).toEqual({ status: 0, err: '' });
      expect(Date.now() - signalled).toBeLessThan(10_000);
      expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    } finally {
      running.child.kill('SIGKILL');
    }
  });
});
