import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** More files on one level are no longer read as a list: they want folders that say what belongs together. */
const MOST_FILES = 14;

/** Folders below `root`, itself included, that hold more than `most` files on their own level. */
function crowded(root: string, most: number): readonly string[] {
  const folders = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  const files = (folder: string): number =>
    readdirSync(folder, { withFileTypes: true }).filter((e) => e.isFile()).length;
  return [root, ...folders].filter((folder) => files(folder) > most).map((folder) => relative(root, folder));
}

test('no folder below src/ holds more files on one level than are read as a list', () => {
  expect(crowded(join(__dirname, '../../src'), MOST_FILES)).toEqual([]);
});

test('a folder with one file too many is found', () => {
  const here = readdirSync(join(__dirname, '../chaos/faults')).length;
  expect(crowded(join(__dirname, '../chaos/faults'), here - 1)).toEqual(['']);
});
