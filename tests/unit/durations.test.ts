import { existsSync } from 'node:fs';
import { join } from 'node:path';
import durations from '../support/durations.json';

test('suites that are started first because they take long are all there', () => {
  const gone = Object.keys(durations).filter((file) => !existsSync(join(__dirname, '..', '..', file)));
  expect(gone).toEqual([]);
});
