import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { silent } from '../../src/servers/report';
import { temporalProgram } from '../../src/servers/temporal/cli';
import { differences } from '../support/same';
import { privateMongo, privateTemporal } from '../support/servers';
import { WorkerProcess } from '../support/worker-process';

const ROOT = join(__dirname, '..', '..');

/** What the README tells people to type, as it stands there. */
async function readme() {
  const text = await readFile(join(ROOT, 'README.md'), 'utf8');
  const config = /```yaml\n(# streams\.yaml\n[^`]+)```/.exec(text)?.[1];
  const start = /```sh\n([^`]*temporal workflow start[^`]+)```/.exec(text)?.[1];
  const rows = [...text.matchAll(/^\| ([^|]+?) +\| `(temporal [^`]+)`/gm)];
  const commands = new Map(rows.map(([, to, command]) => [to as string, command as string]));
  if (config === undefined || start === undefined) throw new Error('the README no longer shows how to start a stream');
  return { config, start, commands };
}

/** The CLI prints answers to updates in a notation of its own. */
const says = (name: string, value: string): RegExp => new RegExp(`"?${name}"?:"?${value}(?=\\W|$|[a-z])`);

describe('the plain Temporal CLI, as the README tells', () => {
  it('starts a stream, asks it, and commands it', async () => {
    await using temporal = await privateTemporal();
    await using source = await privateMongo();
    await using destination = await privateMongo();
    const env = { TEMPORAL_ADDRESS: temporal.address, SOURCE_URI: source.uri, TARGET_URI: destination.uri };
    await using _worker = await WorkerProcess.start(env);
    const directory = await mkdtemp(join(tmpdir(), 'tributary-readme-'));
    const clients = [new MongoClient(source.uri), new MongoClient(destination.uri)] as const;
    const [here, there] = [clients[0].db('shop'), clients[1].db('shop')];
    const told = await readme();
    const untold = new Set(told.commands.keys());

    /** Runs it in a shell where `temporal` and `tributary` are what they are for a user. */
    const shell = (script: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const path = `${directory}:${process.env['PATH'] ?? ''}`;
        const options = { cwd: directory, env: { ...process.env, ...env, PATH: path }, timeout: 60_000 };
        execFile('/bin/sh', ['-ec', script], options, (error, out, err) => {
          if (error) reject(new Error(`${script}\n${out}\n${err}`));
          else resolve(out.replace(/\s+/g, ''));
        });
      });
    const run = (to: string): Promise<string> => {
      const command = told.commands.get(to);
      if (command === undefined) throw new Error(`the README does not tell how to ${to}`);
      untold.delete(to);
      return shell(command);
    };

    try {
      await symlink(await temporalProgram(silent), join(directory, 'temporal'));
      const script = `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'dist', 'starter.js')}' "$@"\n`;
      await writeFile(join(directory, 'tributary'), script, { mode: 0o755 });
      await writeFile(join(directory, 'streams.yaml'), told.config);
      await here.collection('orders').insertMany(Array.from({ length: 200 }, (_, i) => ({ _id: i as never, n: 0 })));
      await here.collection('not followed').insertOne({ _id: 1 as never });

      await shell(told.start);
      await run('wait for the source as of now');
      // The second time the very same line changes nothing.
      await shell(told.start);
      expect(await run('see it')).toMatch(says('status', 'replicating'));
      expect(await run('see its spec')).toContain('${env:SOURCE_URI}');
      expect(await run('pause')).toMatch(says('status', 'paused'));
      await here.collection('orders').updateMany({}, { $inc: { n: 1 } });
      expect(await run('resume')).toMatch(says('status', 'replicating'));
      const { spec } = JSON.parse(await readFile(join(directory, 'orders.json'), 'utf8')) as {
        spec: { stream: { batch_size: number } };
      };
      spec.stream.batch_size = 10;
      await writeFile(join(directory, 'spec.json'), JSON.stringify(spec));
      expect(await run('change it')).toMatch(says('revision', '1'));
      await there.collection('orders').deleteMany({});
      await run('copy again');
      await run('wait for the source as of now');
      expect(await run('find them')).not.toContain('tributary/orders');
      expect(await run('stop')).toMatch(says('status', 'stopped'));

      await here.collection('orders').deleteMany({ n: 1, _id: { $lt: 50 as never } });
      await shell(told.start);
      await run('wait for the source as of now');
      expect(await run('finalize')).toMatch(says('status', 'finalized'));
      await here.collection('not followed').drop();
      expect(await differences(here, there)).toEqual([]);
      expect(await there.collection('orders').countDocuments()).toBe(150);
      expect([...untold]).toEqual([]);
    } finally {
      await Promise.all(clients.map((client) => client.close()));
      await rm(directory, { recursive: true });
    }
  });
});
