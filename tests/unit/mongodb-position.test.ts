import { Timestamp } from 'mongodb';
import type { Position } from '../../src/core/model/position';
import { describe as told, eventTime, order, position, tokenOf } from '../../src/connectors/mongodb/source/position';
import { readToken } from '../../src/connectors/mongodb/source/token';

const scope = { history: 'set:rs:1', filter: 'f' };
/** Tokens as MongoDB writes them: high-water marks have type 0 after the version, events 128 and an identity. */
const mark = (seconds: string, increment: string) => `82${seconds}${increment}2B0429296E1404`;
const event = (seconds: string, increment: string, index = '29') =>
  `82${seconds}${increment}2B042C0100${index}6E5A1004A5E1`;
const at = (data: string, drained = false): Position => position(scope, data, readToken(data)!.time, drained);

describe('tokens of MongoDB', () => {
  it('tell their cluster time and whether they name an event', () => {
    expect(readToken('82635019A0000000012B042C0100296E5A1004')).toMatchObject({
      time: new Timestamp({ t: 1666193824, i: 1 }),
      highWater: false,
    });
    expect(readToken('8263515979000000022B0429296E1404')?.highWater).toBe(true);
    expect([readToken(''), readToken('zz'), readToken('00ff'), readToken('3:0:AbC')]).toEqual([null, null, null, null]);
  });

  it('are ordered by time, then inside a time', () => {
    const list = [
      at(mark('635019A0', '00000001')),
      at(event('635019A0', '00000001', '29')),
      at(event('635019A0', '00000001', '2B02')),
      at(event('635019A0', '00000001', '2B04')),
      // Drained: everything at this time was seen, whatever event the token names.
      at(event('635019A0', '00000001', '29'), true),
      at(event('635019A0', '00000002')),
      at(mark('635019A1', '00000001'), true),
    ];
    list.forEach((a, i) => {
      list.forEach((b, j) => expect([i, j, order(a, b)]).toEqual([i, j, i < j ? 'before' : i > j ? 'after' : 'same']));
    });
  });

  it('are apart where they cannot be compared, but a token is itself', () => {
    const opaque = position(scope, { _data: { $binary: 'x' }, _kind: 1 }, new Timestamp({ t: 1, i: 1 }), false);
    const known = at(event('635019A0', '00000001'));
    expect(order(opaque, known)).toBe('apart');
    expect(order(opaque, JSON.parse(JSON.stringify(opaque)) as Position)).toBe('same');
    expect(order(known, { ...known, source: 'postgresql' })).toBe('apart');
    expect(order(known, { ...known, history: 'set:rs:2' })).toBe('apart');
    // A user who may not read the id sees the same set.
    expect(order(known, { ...known, history: 'set:rs' })).toBe('same');
  });

  it('claim nothing of a time behind a router, where another shard may have more of it', () => {
    const routed = { ...scope, history: 'cluster:sharded:1' };
    const drained = position(routed, mark('635019A0', '00000001'), new Timestamp({ t: 0x635019a0, i: 1 }), true);
    const sameTime = position(routed, event('635019A0', '00000001'), new Timestamp({ t: 0x635019a0, i: 1 }), false);
    expect(tokenOf(drained).mark).toBe(false);
    expect(order(drained, sameTime)).toBe('before');
  });

  it('remember the last event where they stand between events', () => {
    const named = at(event('635019A0', '00000001'));
    expect(eventTime(named)).toBe('1666193824:1');
    expect(eventTime(at(mark('635019A0', '00000002')))).toBeUndefined();
    const between = position(
      scope,
      mark('635019A0', '00000002'),
      new Timestamp({ t: 1, i: 2 }),
      true,
      eventTime(named),
    );
    expect(tokenOf(between).event).toBe('1666193824:1');
  });

  it('are told to people by their time', () => {
    expect(told(at(event('635019A0', '00000003')))).toBe('2022-10-19 15:37:04Z +3');
    expect(() => tokenOf({ source: 'other', history: 'h', token: 1 })).toThrow('source kind "other"');
  });
});
