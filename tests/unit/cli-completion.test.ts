import { complete } from '../../src/cli/completion/candidates';
import { SCRIPTS } from '../../src/cli/completion/scripts';
import { program } from '../../src/cli/program';
import { testIo } from '../support/io';

const root = program(testIo().io);

async function candidates(...words: string[]): Promise<'files' | readonly string[]> {
  const found = await complete(root, words, () => Promise.resolve(['orders', 'orders-eu', 'users']));
  return found === 'files' ? found : found.map(({ value }) => value);
}

describe('completion of a command line', () => {
  it.each<[string[], 'files' | string[]]>([
    [['str'], ['streams']],
    [
      ['streams', 'st'],
      ['status', 'stop'],
    ],
    [
      ['streams', 'status', 'ord'],
      ['orders', 'orders-eu'],
    ],
    [['verify', 'u'], ['users']],
    [['streams', 'status', 'orders', ''], []],
    [['dead-letters', 'list', '--stream', 'u'], ['users']],
    [['streams', 'restart', 'orders', '--from', ''], ['snapshot']],
    [['streams', 'list', '--format', 'j'], ['json']],
    [['apply', '-f', 'stre'], 'files'],
    [['streams', 'spec', 'orders', '--file', ''], 'files'],
    // The value of an option is no argument.
    [['streams', 'pause', '--reason', 'because', 'us'], ['users']],
    [['completion', 'z'], ['zsh']],
    [['nonsense', ''], []],
  ])('%j', async (words, expected) => {
    const found = await candidates(...words);
    expect(found).toEqual(expected);
  });

  it.each(Object.entries(SCRIPTS))('is what the script for %s asks for', (_shell, script) => {
    expect(script).toContain('tributary complete -- ');
  });

  it('knows every command, and every option of each; what is hidden stays hidden', async () => {
    expect(await candidates('')).toEqual(expect.arrayContaining(['apply', 'streams', 'verify', 'up', 'completion']));
    expect(await candidates('')).not.toContain('complete');
    expect(await candidates('streams', 'forget', 'orders', '--')).toEqual(
      expect.arrayContaining(['--file', '--dry-run', '--yes', '--format', '--help']),
    );
  });
});
