import fc from 'fast-check';
import { LowWater } from '../../src/core/pump/low-water';
import { at } from '../support/changes';

describe('LowWater', () => {
  it('does not pass a batch that is not durable, whatever comes after it', () => {
    const mark = new LowWater(at(0));
    const first = mark.begin();
    first.add();
    first.close(at(1), 1);
    const second = mark.begin();
    second.close(at(2), 2);
    mark.idle(at(3), 3);
    expect(mark.advance()).toBe(false);
    expect(mark.position).toEqual(at(0));
    expect(mark.level).toBe(false);
    first.acknowledge();
    expect(mark.advance()).toBe(true);
    expect(mark.position).toEqual(at(3));
    expect(mark.level).toBe(true);
  });

  it('moves with silence', () => {
    const mark = new LowWater(at(0));
    mark.idle(at(5), 5);
    expect(mark.position).toEqual(at(5));
  });

  it('does not pass a batch whose end was not read', () => {
    const mark = new LowWater(at(0));
    mark.begin();
    expect(mark.advance()).toBe(false);
    expect(mark.level).toBe(false);
  });

  it('is always the end of the longest durable run, in whatever order lanes finish', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 60 }),
        fc.infiniteStream(fc.nat()),
        (lanesPerBatch, choices) => {
          const mark = new LowWater(at(0));
          const pending: number[] = [];
          const open = lanesPerBatch.map((lanes, i) => {
            const batch = mark.begin();
            for (let lane = 0; lane < lanes; lane += 1) {
              batch.add();
              pending.push(i);
            }
            batch.close(at(i + 1), i + 1);
            return { batch, left: lanes };
          });
          const expected = () => {
            const stuck = open.findIndex(({ left }) => left > 0);
            return stuck < 0 ? open.length : stuck;
          };
          mark.advance();
          expect(mark.position).toEqual(at(expected()));
          while (pending.length > 0) {
            const [index] = pending.splice((choices.next().value as number) % pending.length, 1) as [number];
            const entry = open[index]!;
            entry.left -= 1;
            entry.batch.acknowledge();
            mark.advance();
            expect(mark.position).toEqual(at(expected()));
          }
          expect(mark.level).toBe(true);
        },
      ),
    );
  });
});
