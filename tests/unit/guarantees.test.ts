import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'guarantees.md'), 'utf8');
const promises = page.split('\n').filter((line) => line.startsWith('| **'));
const named = [...page.matchAll(/`(tests\/[^`]+)` › `([^`]+)`/g)].map(([, file = '', name = '']) => ({ file, name }));

describe('docs/guarantees.md', () => {
  it('names a test for every promise', () => {
    expect(promises.length).toBeGreaterThan(10);
    expect(promises.filter((line) => !/\*\*chaos\*\*|› `/.test(line))).toEqual([]);
  });

  it.each(named)('names one that exists: $file › $name', ({ file, name }) => {
    const path = join(root, file);
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain(name);
  });
});
