import { polls } from '../../src/worker/temporal/polls';

describe('the polls of a worker', () => {
  it.each([
    [1, 1, 4],
    [24, 1, 4],
    [100, 4, 16],
    [5_000, 8, 32],
  ])('are few, and in proportion to its %d slots', (slots, few, most) => {
    expect(polls(slots)).toEqual({ type: 'autoscaling', minimum: few, initial: few, maximum: most });
  });
});
