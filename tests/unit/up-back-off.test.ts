import { BackOff } from '../../src/cli/up/back-off';

const killed = { ranMs: 5_000, failed: false };
const neverRan = { ranMs: 2_000, failed: true };

it('waits longer after each end, up to half a minute', () => {
  const backOff = new BackOff();
  const waited = Array.from({ length: 7 }, () => backOff.after(killed));
  expect(waited).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

it('starts soon again after a worker that ran well', () => {
  const backOff = new BackOff();
  for (let i = 0; i < 5; i += 1) backOff.after(killed);
  expect([backOff.after({ ranMs: 60_000, failed: true }), backOff.after(killed)]).toEqual([1_000, 2_000]);
});

it('gives up when three in a row fail at their start, not when they are killed', () => {
  const backOff = new BackOff();
  expect([neverRan, neverRan, neverRan].map((ending) => backOff.after(ending))).toEqual([1_000, 2_000, null]);
  const killedOnce = new BackOff();
  const endings = [neverRan, neverRan, killed, neverRan, neverRan];
  expect(endings.map((ending) => killedOnce.after(ending))).not.toContain(null);
});
