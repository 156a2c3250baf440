import { WindowGuard } from '../../src/activities/stream/window-guard';

test('a short window is told once when it gets short, and once when that is over', () => {
  const told: [string, string, unknown][] = [];
  const metered: number[] = [];
  const guard = new WindowGuard({
    warnBelowMs: 60_000,
    meter: { window: (seconds, atLeast) => metered.push(atLeast ? -seconds : seconds) },
    log: (level, event, fields) => told.push([level, event, fields?.['windowSeconds']]),
  });
  for (const windowSeconds of [null, 90, 59, 30, null, 10, 60, 61, 5]) {
    const progress = { windowSeconds, position: null };
    expect(guard.see(progress)).toBe(progress);
  }
  // A log that was begun a minute ago reaches back a minute.
  const young = new WindowGuard({
    warnBelowMs: 60_000,
    meter: { window: (seconds, atLeast) => metered.push(atLeast ? -seconds : seconds) },
    log: (level, event, fields) => told.push([level, event, fields?.['windowSeconds']]),
  });
  young.see({ windowSeconds: 3, windowAtLeast: true });
  expect(told).toEqual([
    ['warn', 'window.short', 59],
    ['info', 'window.short.over', 60],
    ['warn', 'window.short', 5],
  ]);
  // A window that is not known is not 0.
  expect(metered).toEqual([90, 59, 30, 10, 60, 61, 5, -3]);
});
