import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INPUT_VERSION } from '../../src/protocol/input';
import { shapesOf } from '../support/shape';

/** As running workflows have written it: by version. A new version gets an entry of its own, and no entry is changed. */
const frozen = JSON.parse(readFileSync(join(__dirname, 'input-shapes.json'), 'utf8')) as Record<string, unknown>;

test('the shape of every input, state included, is that of its version: another one needs a new INPUT_VERSION', () => {
  const shapes = shapesOf('src/protocol/input.ts', ['StreamInput', 'VerificationInput', 'ReplayInput']);
  expect(shapes).toEqual(frozen[INPUT_VERSION]);
});
