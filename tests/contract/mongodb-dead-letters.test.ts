import { BSON } from 'mongodb';
import { DeadLetters } from '../../src/connectors/mongodb/destination/ledger/dead-letters';
import type { Claim, Destination, LanePart } from '../../src/core/ports/destination';
import { splitNamespace } from '../../src/core/model/namespace';
import { sharedMongo } from '../support/servers';
import { at, insert, never, part, remove, replace, sourceNamespace, update } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { failure } from './destination-suite';

let t: MongodbFixture;
let destination: Destination;
let made: Claim;

beforeEach(async () => {
  t = await MongodbFixture.on(sharedMongo('destination'));
  destination = await t.open();
  made = await destination.claim({ stream: t.stream, epoch: 1, lanes: 1, expect: 'any' }, never);
  await made.prepare([sourceNamespace(t.namespace)], never);
});

afterEach(async () => {
  await destination[Symbol.asyncDispose]();
  await t[Symbol.asyncDispose]();
});

type RefusalOf = NonNullable<LanePart['rejected']>[number];

const refusal = (rest: Partial<RefusalOf> = {}): RefusalOf => ({
  change: replace(t.namespace, { _id: 1, a: 'secret' }),
  code: 'duplicate_key',
  message: 'a unique index refuses the row',
  attempts: 1,
  deadLetter: null,
  kept: true,
  ...rest,
});

const list = () => destination.deadLetters({ stream: t.stream }, 100, never);
const keys = async () => {
  const ids: string[] = [];
  for await (const { deadLetter: letter } of destination.deadLetterKeys({ stream: t.stream }, never)) ids.push(letter);
  return ids;
};

describe('dead letters at the MongoDB destination', () => {
  it('are superseded by a drop of their database that was cut short after the drop', async () => {
    await made.apply(part([], { rejected: [refusal()] }), never);
    const { database } = splitNamespace(t.namespace);
    const drop = { op: 'drop_database', namespace: `${database}.`, kind: 'dropDatabase', sourceTimeMs: 1 } as const;
    const cut = jest.spyOn(DeadLetters.prototype, 'supersedeAll').mockRejectedValueOnce(new Error('killed'));
    await failure(made.alter(drop, at(3), never));
    cut.mockRestore();
    await made.alter(drop, at(3), never);
    expect((await list()).map(({ state }) => state)).toEqual(['superseded']);
  });

  it('pass a change in the step that records the lane, and keep it', async () => {
    const sent = part([insert(t.namespace, { _id: 2 })], { rejected: [refusal()] });
    const { deadLetters } = await made.apply(sent, never);
    const [summary, ...others] = await list();
    expect(others).toEqual([]);
    expect(summary).toMatchObject({
      id: deadLetters?.[0],
      stream: t.stream,
      namespace: t.namespace,
      target: t.namespace,
      op: 'replace',
      code: 'duplicate_key',
      attempts: 1,
      position: at(0),
      state: 'open',
      kept: true,
    });
    expect(JSON.stringify(summary)).not.toContain('secret');
    const letter = await destination.deadLetter(t.stream, summary!.id, never);
    expect(BSON.deserialize(letter!.row!)).toEqual({ _id: 1, a: 'secret' });
    expect(BSON.deserialize(letter!.key)).toEqual({ _id: 1 });
    expect(await destination.deadLetter('another', summary!.id, never)).toBeNull();
    expect(await t.rows(t.namespace)).toEqual([{ _id: 2 }]);
  });

  it('are written once, however often the step is sent', async () => {
    const sent = part([], { rejected: [refusal()] });
    expect((await made.apply(sent, never)).fresh).toBe(true);
    const again = await made.apply(sent, never);
    expect([again.fresh, again.deadLetters]).toEqual([false, await keys()]);
    expect((await list()).map(({ attempts }) => attempts)).toEqual([1]);
  });

  it('are not there when the step that they are part of is rejected or fenced', async () => {
    await made.apply(part([insert(t.namespace, { _id: 9, a: { b: 1 } })]), never);
    const misfit = update(t.namespace, 7, { updatedFields: { a: 1 } });
    await failure(made.apply(part([misfit], { expected: 1, rejected: [refusal()] }), never));
    expect(await list()).toEqual([]);
    await destination.claim({ stream: t.stream, epoch: 2, lanes: 1, expect: 'existing' }, never);
    const error = await failure(made.apply(part([], { expected: 1, rejected: [refusal()] }), never));
    expect(error.kind).toBe('fenced');
    expect(await list()).toEqual([]);
  });

  it('count another rejected change of the row, and hold its newest state', async () => {
    const { deadLetters: letters } = await made.apply(part([], { rejected: [refusal()] }), never);
    const change = replace(t.namespace, { _id: 1, a: 'newer' });
    const next = refusal({ change, deadLetter: letters![0]!, attempts: 3, code: 'document_validation' });
    expect((await made.apply(part([], { expected: 1, rejected: [next] }), never)).deadLetters).toEqual(letters);
    const [summary, ...others] = await list();
    expect(others).toEqual([]);
    expect(summary).toMatchObject({ attempts: 4, code: 'document_validation', state: 'open' });
    const { row } = (await destination.deadLetter(t.stream, summary!.id, never))!;
    expect(BSON.deserialize(row!)).toEqual({ _id: 1, a: 'newer' });
  });

  it('are closed where their namespace is planned to be copied anew, dropped ones too', async () => {
    await made.apply(part([], { rejected: [refusal()] }), never);
    const other = replace(t.namespace, { _id: 2 });
    await made.apply(part([], { expected: 1, rejected: [refusal({ change: other })] }), never);
    const [first] = await keys();
    await destination.dropDeadLetters({ stream: t.stream, ids: [first!] }, never);
    expect(await made.behind(10, never)).toHaveLength(2);
    await made.planBackfill(new Map([[t.namespace, { estimatedRows: 0 }]]), 'repair', never);
    expect(await made.behind(10, never)).toEqual([]);
  });

  it('are closed where their namespace is gone', async () => {
    await made.apply(part([], { rejected: [refusal()] }), never);
    await made.remove([t.namespace], never);
    expect(await made.behind(10, never)).toEqual([]);
  });

  it('are superseded in the step that writes a full state of their row', async () => {
    const { deadLetters: letters } = await made.apply(part([], { rejected: [refusal()] }), never);
    const sent = part([remove(t.namespace, 1)], { expected: 1, superseded: letters! });
    await failure(
      made.apply({ ...sent, changes: [...sent.changes, update(t.namespace, 7, { updatedFields: { a: 1 } })] }, never),
    );
    expect((await list()).map(({ state }) => state)).toEqual(['open']);
    await made.apply(sent, never);
    expect((await list()).map(({ state }) => state)).toEqual(['superseded']);
    expect(await made.behind(10, never)).toEqual([]);
  });

  it('say without the change that it was left out', async () => {
    const change = update(t.namespace, 1, { updatedFields: { a: 'secret' } });
    await made.apply(part([], { rejected: [refusal({ change, kept: false })] }), never);
    const [summary] = await list();
    expect(summary).toMatchObject({ op: 'update', kept: false });
    expect(await destination.deadLetter(t.stream, summary!.id, never)).toMatchObject({ row: null, delta: null });
  });

  it('are remembered by the next claim, dropped ones too: their rows are behind all the same', async () => {
    const other = refusal({ change: update(t.namespace, 2, { updatedFields: { a: 1 } }), code: 'too_large' });
    await made.apply(part([], { rejected: [refusal(), other] }), never);
    const dropped = { stream: t.stream, code: 'too_large' };
    expect(await destination.dropDeadLetters(dropped, never)).toBe(1);
    expect(await destination.dropDeadLetters(dropped, never)).toBe(0);
    expect(
      (await destination.deadLetters({ stream: t.stream, state: 'open' }, 9, never)).map(({ code }) => code),
    ).toEqual(['duplicate_key']);
    const next = await destination.claim({ stream: t.stream, epoch: 2, lanes: 1, expect: 'existing' }, never);
    const behind = await next.behind(10, never);
    expect(behind.map(({ namespace, key }) => [namespace, key.id])).toEqual(
      expect.arrayContaining([refusal(), other].map(({ change }) => [t.namespace, change.key.id])),
    );
    expect(behind).toHaveLength(2);
  });

  it('go where the stream says', async () => {
    await using elsewhere = await t.open({}, { deadLetters: `${t.database}.refused` });
    const claim = await elsewhere.claim({ stream: t.stream, epoch: 2, lanes: 1, expect: 'existing' }, never);
    await claim.apply(part([], { rejected: [refusal()] }), never);
    expect(await t.collection(`${t.database}.refused`).countDocuments()).toBe(1);
    expect(await list()).toEqual([]);
  });
});
