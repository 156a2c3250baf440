import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { silent } from '../../src/servers/report';
import { temporalProgram } from '../../src/servers/temporal/cli';
import { blocksOf, keeps, shellBlocks, shown, type ShellBlock } from '../support/readme';
import { privateMongo, privateTemporal } from '../support/servers';
import { Terminal } from '../support/terminal';

const ROOT = join(__dirname, '..', '..');
const TIMEOUT_MS = 600_000;

/** Commands that go on until Ctrl-C: what has to be seen of them, and whether they run behind those that follow. */
const LASTING: Readonly<Record<string, 'watched' | 'behind'>> = {
  'tributary up -f streams.yaml': 'watched',
  'tributary worker': 'behind',
};

/** What the test does in place of what it cannot do inside a run of the tests: each with its reason. */
const INSTEAD: Readonly<Record<string, string>> = {
  // The dependencies and the build are those that the tests run with.
  'npm ci && npm run build && npm install --global .': 'npm install --global .',
  // The same demo, with less of a shop.
  'npm ci && npm run demo': 'npm run --silent demo -- --seconds 2',
  // This very run: .ci/run begins it by the same words, as the first test sees to.
  'npm ci && npm test': '',
};

let page: string;
let blocks: readonly ShellBlock[];
beforeAll(async () => {
  page = await readFile(join(ROOT, 'README.md'), 'utf8');
  blocks = shellBlocks(page);
});

test('its two set-up commands are there, and CI begins with the one for the tests', async () => {
  const lines = blocks.flatMap(({ commands }) => commands.trim().split('\n'));
  expect(lines).toEqual(expect.arrayContaining(['npm ci && npm run demo', 'npm ci && npm test']));
  const ci = await readFile(join(ROOT, '.ci', 'run'), 'utf8');
  expect(ci).toMatch(/step install npm ci; then\n\s+npm test /u);
});

test(
  'every block of commands works as it stands there, and prints what it promises, in 80 columns',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tributary-readme-'));
    await using temporal = await privateTemporal();
    await using source = await privateMongo();
    await using destination = await privateMongo();
    const given = {
      SOURCE_URI: source.uri,
      TARGET_URI: destination.uri,
      TEMPORAL_ADDRESS: temporal.address,
    };
    const prefix = join(directory, 'prefix');
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      ...given,
      PATH: [join(prefix, 'bin'), directory, process.env['PATH'] ?? ''].join(':'),
      NO_COLOR: '1',
      npm_config_prefix: prefix,
      npm_config_progress: 'false',
      npm_config_fund: 'false',
      npm_config_audit: 'false',
      npm_config_update_notifier: 'false',
      TRIBUTARY_HTTP_HOST: '127.0.0.1',
      TRIBUTARY_HEALTH_PORT: '0',
      TRIBUTARY_METRICS_PORT: '0',
    };
    const terminals: Terminal[] = [];
    const lost: Promise<never>[] = [];
    const wrong: string[] = [];
    try {
      await symlink(await temporalProgram(silent), join(directory, 'temporal'));
      for (const config of blocksOf(page, 'yaml')) await writeFile(join(directory, nameOf(config)), config);
      await seed(source.uri);
      expect(blocks.length).toBeGreaterThan(8);
      for (const { commands, promised } of blocks) {
        const line = commandsOf(commands, given);
        if (line === '') continue;
        const cwd = line.startsWith('npm ') ? ROOT : directory;
        const lasting = LASTING[line];
        // Without a shell in between, which would end by Ctrl-C with a status of its own.
        const terminal = new Terminal(lasting === undefined ? line : `exec ${line}`, { cwd, env });
        terminals.push(terminal);
        if (lasting === 'behind') {
          // Without it the commands that follow would wait for ever.
          const over = terminal.ended.then(() => Promise.reject(new Error(`${line}\nended: ${terminal.output}`)));
          // At the end of the test it is to end.
          over.catch(() => undefined);
          lost.push(over);
          continue;
        }
        if (lasting === 'watched') {
          await terminal.until((output) => keeps(`${promised ?? ''}…\n`, output));
          await terminal.interrupt();
        }
        const status = await Promise.race([terminal.end(), ...lost]);
        const printed = shown(terminal.output);
        if (status !== 0) throw new Error(`${line}\nended with status ${status}:\n${printed.join('\n')}`);
        if (promised !== undefined && lasting === undefined && !keeps(promised, terminal.output))
          wrong.push(`${line}\nis to print\n${promised}\nand printed\n${printed.join('\n')}`);
        wrong.push(...printed.filter((each) => each.length > 80).map((each) => `${line}\nis too wide:\n${each}`));
      }
      expect(wrong.join('\n\n')).toBe('');
    } finally {
      for (const terminal of terminals.reverse()) await terminal[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);

/** A configuration names its file in its first line. */
function nameOf(config: string): string {
  const name = /^# (\S+\.yaml)\n/u.exec(config)?.[1];
  if (name === undefined)
    throw new Error(`a configuration of the README does not say how its file is called:\n${config}`);
  return name;
}

/** The commands of a block, without the addresses of the reader's own servers: the environment has those of the test. */
function commandsOf(block: string, given: Readonly<Record<string, string>>): string {
  const lines = block.trimEnd().split('\n');
  const kept = lines.filter((line) => {
    if (!line.startsWith('export ')) return true;
    const names = [...line.replace(/ #.*$/u, '').matchAll(/(\w+)=/gu)].map(([, name = '']) => name);
    expect(names.filter((name) => !(name in given))).toEqual([]);
    return false;
  });
  return kept
    .map((line) => INSTEAD[line] ?? line)
    .join('\n')
    .trim();
}

async function seed(uri: string): Promise<void> {
  await using client = await new MongoClient(uri).connect();
  const shop = client.db('shop');
  await shop.collection('orders').insertMany(Array.from({ length: 200 }, (_, i) => ({ _id: i as never, n: 0 })));
  await shop.collection('orders').createIndex({ n: 1, _id: 1 }, { unique: true }, {});
  await shop.collection('customers').insertOne({ _id: 1 as never });
}
