import { isReference, ledgerPosition, resolvePosition, sourcePosition } from '../../src/activities/position-reference';
import { POSITION_BYTES, type Position } from '../../src/core/model/position';
import { at } from '../support/changes';

const source = { describe: ({ token }: Position) => `place ${JSON.stringify(token).slice(0, 12)}` };

/** A position whose JSON has exactly so many bytes. */
const sized = (bytes: number, fill = 'x'): Position => {
  const empty = { ...at(0), token: { data: '' } };
  return { ...empty, token: { data: fill.repeat(bytes - Buffer.byteLength(JSON.stringify(empty))) } };
};

const large = sized(3 * 1024 * 1024);
const sent = (sequence: number): Position => ledgerPosition(large, { sequence }, source);

describe('a position on its way to Temporal', () => {
  it('stays as it is up to 4 KB', () => {
    const position = sized(POSITION_BYTES);
    expect(ledgerPosition(position, { sequence: 7 }, source)).toBe(position);
    expect(sourcePosition(position)).toBe(position);
    expect(isReference(position)).toBe(false);
  });

  it('goes by reference beyond, and tells people as much as before', () => {
    const reference = ledgerPosition(sized(POSITION_BYTES + 1), { sequence: 7 }, source);
    expect(reference).toEqual({ ...at(0), token: { ledger: { sequence: 7, at: 'place {"data":"xxx' } } });
    expect(isReference(reference)).toBe(true);
    expect(JSON.stringify(sent(8)).length).toBeLessThan(200);
  });

  it('is measured in bytes, not in characters', () => {
    const position: Position = { ...at(0), token: 'ü'.repeat(POSITION_BYTES / 2) };
    expect(JSON.stringify(position).length).toBeLessThan(POSITION_BYTES);
    expect(isReference(ledgerPosition(position, { sequence: 1 }, source))).toBe(true);
  });

  it('is refused with a clear error where no ledger holds it', () => {
    expect(() => sourcePosition(large)).toThrow(
      expect.objectContaining({ kind: 'bug', code: 'position_too_large' }) as Error,
    );
  });
});

describe('a position that comes from Temporal', () => {
  it('is the low water where it went by reference, and the ledger has moved as often or more often', () => {
    for (const sequence of [7, 8]) expect(resolvePosition(sent(7), { lowWater: large, sequence }, source)).toBe(large);
  });

  it('tells that the destination was restored where the ledger has moved less often', () => {
    expect(() => resolvePosition(sent(7), { lowWater: at(3), sequence: 6 }, source)).toThrow(
      expect.objectContaining({
        code: 'destination_behind',
        message: expect.stringContaining('stands at place 3, before place {"data":"xxx that') as string,
      }) as Error,
    );
  });

  it('tells that the ledger is missing where it has no low water', () => {
    expect(() => resolvePosition(sent(7), { lowWater: null, sequence: 0 }, source)).toThrow(
      expect.objectContaining({ code: 'ledger_missing' }) as Error,
    );
  });

  it.each([at(3), large, { ...at(0), token: null }, { ...at(0), token: { ledger: 'a name' } }, null])(
    'stays as it is where it is whole, whatever the ledger says',
    (position) => {
      expect(resolvePosition(position, { lowWater: at(1), sequence: 0 }, source)).toBe(position);
    },
  );
});
