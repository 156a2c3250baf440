import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressed, addressedText } from '../../src/core/model/remedy';

const src = join(__dirname, '..', '..', 'src');

it('names the stream, and the namespace where it is known', () => {
  const remedy =
    'Run `tributary streams restart ID --from snapshot`, or `tributary streams resume ID --namespace NAME`.';
  expect(addressedText(remedy, 'orders', 'shop.$1')).toBe(
    'Run `tributary streams restart orders --from snapshot`, or `tributary streams resume orders --namespace shop.$1`.',
  );
  expect(addressedText('see `dead-letters list --stream ID`', 'orders')).toBe(
    'see `dead-letters list --stream orders`',
  );
  expect(addressedText('the ID of the row', 'orders')).toBe('the ID of the row');
});

it('does so for every remedy in a failure, a list of findings, a report; and changes nothing else', () => {
  const at = new Date(0);
  const report = {
    remedy: 'streams finalize ID',
    message: 'streams finalize ID',
    at,
    findings: [{ namespace: 'shop.orders', remedy: 'streams resume ID --namespace NAME' }, null, 7],
    position: { token: { remedy: 3 } },
  };
  expect(addressed(report, 'orders')).toEqual({
    ...report,
    remedy: 'streams finalize orders',
    findings: [{ namespace: 'shop.orders', remedy: 'streams resume orders --namespace shop.orders' }, null, 7],
  });
});

it('all remedies that leave out the stream say it so that it can be put in', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const left = files.flatMap((name) => {
    const code = readFileSync(join(src, name), 'utf8').replace(/^\s*(\/\*\*|\/\/|\*).*$|\/\/ .*$/gmu, '');
    const commands =
      code.match(/\b(?:streams|dead-letters|verify)(?: [a-z]+)* (?:--stream )?ID\b.*?[`';]|dead-letters list`/gu) ?? [];
    return commands
      .filter((command) => /\bID\b|dead-letters list`/u.test(addressedText(command, 'orders')))
      .map((c) => `${name}: ${c}`);
  });
  expect(left).toEqual([]);
});
