import { main } from '../../src/cli/main';
import { testIo } from '../support/io';

/** Runs one command line in this process. Nothing listens at the address, so that nothing is asked by mistake. */
async function run(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const env = { TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_CONFIG_FILE: '/nonexistent/temporal.toml' };
  const { io, written } = testIo({ columns: 120, env });
  const status = await main(argv, io);
  return { status, ...written };
}

const COMMANDS = [
  ['apply'],
  ['streams'],
  ['streams', 'list'],
  ['streams', 'status'],
  ['streams', 'watch'],
  ['streams', 'pause'],
  ['streams', 'resume'],
  ['streams', 'stop'],
  ['streams', 'finalize'],
  ['streams', 'restart'],
  ['streams', 'wait'],
  ['streams', 'spec'],
  ['streams', 'forget'],
  ['config'],
  ['config', 'check'],
  ['config', 'schema'],
  ['worker'],
  ['up'],
  ['demo'],
  ['completion'],
];

describe('every command', () => {
  it.each(COMMANDS)('%s %s has help, a version and formats', async (...words) => {
    const command = words.filter((word) => typeof word === 'string');
    const help = await run(...command, '--help');
    expect(help).toMatchObject({ status: 0, err: '' });
    expect(help.out).toContain('--format');
    expect(help.out).toContain('--version');
    if (command.length > 1 || !['streams', 'config'].includes(command[0] ?? '')) {
      expect(help.out).toContain('Examples:');
    }
    const version = await run(...command, '--version');
    expect(version).toMatchObject({ status: 0, err: '' });
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });
});

describe('wrong usage', () => {
  it.each([
    [['nonsense'], 'unknown command'],
    [['streams', 'lisst'], 'Did you mean list?'],
    [['streams', 'status'], "missing required argument 'id'"],
    [['streams', 'list', '--format', 'xml'], 'Allowed choices are table, json, yaml'],
    [['streams', 'restart', 'orders'], '--from'],
    [['streams', 'wait', 'orders'], '--until'],
    [['streams', 'wait', 'orders', '--until', 'paused', '--timeout', 'soon'], 'Expected a duration such as 60s or 5m.'],
    [['apply'], '--file'],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
    [['demo', '--seconds', '-1'], 'Expected a number above 0.'],
  ])('%j has status 2 and says what is expected', async (argv, expected) => {
    const { status, out, err } = await run(...argv);
    expect(err).toContain(expected);
    expect({ status, out }).toEqual({ status: 2, out: '' });
  });
});

describe('failures', () => {
  it('names the address of a Temporal that does not answer, and how to have one', async () => {
    const started = Date.now();
    const { status, out, err } = await run('streams', 'list');
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err.split('\n')).toEqual([
      'error: Temporal does not answer at 127.0.0.1:1 (connection refused)',
      expect.stringContaining('tributary up -f FILE'),
      '',
    ]);
    expect(Date.now() - started).toBeLessThan(6_000);
  });

  it('shows the stack and its causes only when asked', async () => {
    const { err } = await run('streams', 'list', '--verbose');
    expect(err).toContain('caused by');
  });

  it('says which file is missing', async () => {
    const { status, err } = await run('apply', '-f', '/nonexistent/streams.yaml');
    expect(status).toBe(1);
    expect(err).toContain('/nonexistent/streams.yaml');
    expect(err).not.toContain('    at ');
  });

  it('refuses a profile that does not exist', async () => {
    const { status, err } = await run('streams', 'list', '--profile', 'nowhere');
    expect(status).toBe(1);
    expect(err).toContain('--profile');
  });
});

describe('options', () => {
  it.each([
    [['config', 'schema', '--format', 'yaml']],
    [['config', '--format', 'yaml', 'schema']],
    [['--format', 'yaml', 'config', 'schema']],
    [['--format', 'json', 'config', 'schema', '--format', 'yaml']],
  ])('%j prints YAML', async (argv) => {
    const { status, out } = await run(...argv);
    expect(status).toBe(0);
    expect(out).toMatch(/^type: object$/m);
  });
});

describe('config schema', () => {
  it('is JSON Schema', async () => {
    const { status, out } = await run('config', 'schema', '--format', 'json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ type: 'object', required: expect.arrayContaining(['version']) as unknown });
  });
});
