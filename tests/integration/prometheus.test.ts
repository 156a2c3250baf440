import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promtool } from '../support/promtool';

const RULES = join(__dirname, '../../deploy/prometheus-rules.yaml');

test('Prometheus takes the alert rules, and finds one that stands twice', async () => {
  expect(await promtool(['check', 'rules', RULES])).toMatchObject({
    status: 0,
    out: expect.stringMatching(/SUCCESS/) as string,
  });
  const directory = await mkdtemp(join(tmpdir(), 'tributary-rules-'));
  try {
    const twice = join(directory, 'twice.yaml');
    const text = await readFile(RULES, 'utf8');
    const [rule] = /^ {6}- alert: TributaryStreamStuck\n(?: {8}.*\n)+/m.exec(text)!;
    await writeFile(twice, text.replace(rule, rule + rule));
    expect((await promtool(['check', 'rules', twice])).out).toContain('1 duplicate rule(s) found');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('each alert goes off when it should, the first time too, and ends', async () => {
  expect(await promtool(['test', 'rules', join(__dirname, 'prometheus-alerts.yaml')])).toMatchObject({
    status: 0,
    out: expect.stringMatching(/SUCCESS/) as string,
  });
});
