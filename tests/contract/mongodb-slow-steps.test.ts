import type { Claim, Destination, LanePart } from '../../src/core/ports/destination';
import type { RunningMongo } from '../../src/servers/mongodb/server';
import { failPoint, type CommandFault } from '../support/fail-point';
import { privateMongo } from '../support/servers';
import { slowServer } from '../support/slow-server';
import { at, insert, never, part, sourceNamespace } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { failure } from './destination-suite';

/** A server of its own: its fail points must not hit other suites. */
let server: RunningMongo;
let t: MongodbFixture;
let destination: Destination;
let made: Claim;

beforeAll(async () => {
  server = await privateMongo();
});
afterAll(() => server[Symbol.asyncDispose]());

beforeEach(async () => {
  t = await MongodbFixture.on(server.uri);
  destination = await t.open();
  made = await destination.claim({ stream: t.stream, epoch: 1, lanes: 2, expect: 'any' }, never);
  await made.prepare([sourceNamespace(t.namespace)], never);
  await made.apply(step(0, 'first'), never);
});

afterEach(async () => {
  await destination[Symbol.asyncDispose]();
  await t[Symbol.asyncDispose]();
});

const step = (expected: number, ...ids: string[]): LanePart =>
  part(
    ids.map((_id) => insert(t.namespace, { _id })),
    { expected, position: at(expected + 1) },
  );

const faulty = (fault: CommandFault, times?: number) => failPoint(server.uri, t.stream, fault, times);
const ids = async () => ((await t.rows(t.namespace)) as { _id: string }[]).map(({ _id }) => _id);
const sequence = async (): Promise<unknown> =>
  (await t.ledger.collection('ledger').findOne({ kind: 'lane', lane: 0 }))?.['sequence'];

describe('a step that the server gives up', () => {
  it.each([
    [290, 'conflict', 'as older than a transaction may be'],
    [365, 'throttled', 'for want of cache'],
    [388, 'throttled', 'as too large for its cache'],
    [50, 'time_limit', 'as taking too long'],
    [112, 'conflict', 'for others that write the same rows'],
  ])('with %i is %s, and may go in halves: %s', async (errorCode, code) => {
    const fault = { failCommands: ['insert'], errorCode, errorLabels: [] };
    {
      await using _failing = await faulty(fault);
      const refused = await failure(made.apply({ ...step(1, 'a', 'b'), withinMs: 5_000 }, never));
      expect([refused.kind, refused.code]).toEqual(['retry', 'too_slow']);
      expect(refused.cause).toMatchObject({ kind: 'retry', code });
      // Without a limit it is what the server says.
      expect(await failure(made.apply(step(1, 'a'), never))).toMatchObject({ kind: 'retry', code });
    }
    expect(await sequence()).toBe(1);
    await made.apply(step(1, 'a'), never);
    await made.apply(step(2, 'b'), never);
    expect(await ids()).toEqual(['a', 'b', 'first']);
  });

  it('of a copy may go in halves too', async () => {
    const [range] = await made.plan(new Map([[t.namespace, [{ from: null, to: null, estimatedRows: 1 }]]]), never);
    const rows = ['a', 'b'].map((_id) => (insert(t.namespace, { _id }) as { row: Buffer }).row);
    const load = { loader: 0, range: range!, rows, bytes: 50, after: rows[1]!, done: false, withinMs: 5_000 };
    {
      await using _failing = await faulty({ failCommands: ['insert'], errorCode: 290, errorLabels: [] });
      expect(await failure(made.load(load, never))).toMatchObject({ kind: 'retry', code: 'too_slow' });
    }
    expect(await made.load(load, never)).toMatchObject({ fresh: true });
    expect(await ids()).toEqual(['a', 'b', 'first']);
  });
});

describe('a step that is not done in time', () => {
  it.each(['insert', 'commitTransaction'])('at %s is not there, and cannot come any more', async (command) => {
    await using slow = await faulty({ failCommands: [command], blockConnection: true, blockTimeMS: 1_500 }, 1);
    const given = await failure(made.apply({ ...step(1, 'late', 'later'), withinMs: 500 }, never));
    expect([given.kind, given.code]).toEqual(['retry', 'too_slow']);
    expect(await sequence()).toBe(1);
    await made.apply(step(1, 'late'), never);
    await made.apply(step(2, 'later'), never);
    await slow[Symbol.asyncDispose]();
    // The server has got to the step that was given up long before this.
    await made.apply(step(3, 'last'), never);
    expect(await ids()).toEqual(['first', 'last', 'late', 'later']);
    expect(await sequence()).toBe(4);
  });

  it('is given up in the middle of its dead letters too', async () => {
    await using slow = await slowServer(server.uri);
    await using own = await MongodbFixture.on(slow.uri);
    await using served = await own.open();
    const claim = await served.claim({ stream: own.stream, epoch: 1, lanes: 1, expect: 'any' }, never);
    await claim.prepare([sourceNamespace(own.namespace)], never);
    const row = insert(own.namespace, { _id: 'a' });
    const refusal = { change: row, code: 'too_large', message: 'x', attempts: 1, deadLetter: null, kept: true };
    for (const deadLetters of [{ superseded: ['none'] }, { rejected: [refusal] }]) {
      // The first update of a step moves the lane's record on; the second one is that of the dead letters.
      let updates = 0;
      slow.lateReplies.get = (command) => (command === 'update' && ++updates === 2 ? 8_000 : undefined);
      const began = performance.now();
      const given = await failure(claim.apply({ ...part([row]), ...deadLetters, withinMs: 500 }, never));
      expect([given.kind, given.code]).toEqual(['retry', 'too_slow']);
      expect(performance.now() - began).toBeLessThan(6_000);
      expect(updates).toBeGreaterThan(1);
    }
    expect(await own.rows(own.namespace)).toEqual([]);
  });

  it('commits no half of the step that comes after it', async () => {
    await using slow = await slowServer(server.uri);
    await using own = await MongodbFixture.on(slow.uri);
    await using served = await own.open();
    const claim = await served.claim({ stream: own.stream, epoch: 1, lanes: 1, expect: 'any' }, never);
    await claim.prepare([sourceNamespace(own.namespace)], never);
    const step = (expected: number, ...names: string[]): LanePart =>
      part(
        names.map((_id) => insert(own.namespace, { _id })),
        { expected, position: at(expected + 1) },
      );
    // The commit is given up after half a second; after a whole one its connection is closed, and the driver sends it again.
    slow.lost.set('commitTransaction', 1_000);
    const given = await failure(claim.apply({ ...step(0, 'late', 'later'), withinMs: 500 }, never));
    expect([given.kind, given.code]).toEqual(['retry', 'too_slow']);
    // Then the next step has moved the lane's record on, and waits for its rows.
    slow.msPerStatement = 1_000;
    await claim.apply(step(0, 'late'), never);
    slow.msPerStatement = 0;
    await claim.apply(step(1, 'later'), never);
    expect(await own.rows(own.namespace)).toEqual([{ _id: 'late' }, { _id: 'later' }]);
  });

  it('and was overtaken meanwhile is fenced, not halved', async () => {
    await using _slow = await faulty({ failCommands: ['insert'], blockConnection: true, blockTimeMS: 1_500 }, 1);
    const applied = failure(made.apply({ ...step(1, 'late', 'later'), withinMs: 700 }, never));
    const other = await t.open();
    try {
      const successor = await other.claim({ stream: t.stream, epoch: 2, lanes: 2, expect: 'any' }, never);
      expect(await applied).toMatchObject({ kind: 'fenced', epoch: 2 });
      await successor.apply(step(1, 'mine'), never);
      expect(await ids()).toEqual(['first', 'mine']);
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });
});
