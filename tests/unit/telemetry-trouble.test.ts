import { Trouble } from '../../src/telemetry/trouble';

function trouble() {
  const lines: { level: string; event: string; forMs: unknown }[] = [];
  let now = 0;
  const subject = new Trouble(
    (level, event, fields) => void lines.push({ level, event, forMs: fields?.['forMs'] }),
    'destination.refused',
    () => now,
  );
  return {
    lines,
    subject,
    failForMs(ms: number, everyMs: number) {
      for (const end = now + ms; now < end; now += everyMs) subject.failed();
    },
  };
}

test('the longer it fails, the louder and the rarer it is told', () => {
  const t = trouble();
  t.failForMs(10 * 60_000, 1_000);
  const levelAfter = (ms: number) => t.lines.filter(({ forMs }) => Number(forMs) >= ms)[0]?.level;
  expect(t.lines[0]).toMatchObject({ level: 'info', forMs: 0 });
  expect(levelAfter(30_000)).toBe('warn');
  expect(levelAfter(300_000)).toBe('error');
  expect(t.lines.length).toBeLessThan(25);
});

test('that it is over is told once, and the next time begins quietly', () => {
  const t = trouble();
  t.subject.over();
  expect(t.lines).toEqual([]);
  t.failForMs(400_000, 1_000);
  t.subject.over();
  t.subject.over();
  t.subject.failed();
  expect(t.lines.filter(({ event }) => event === 'destination.refused.over')).toHaveLength(1);
  expect(t.lines.at(-1)).toMatchObject({ level: 'info', event: 'destination.refused', forMs: 0 });
});
