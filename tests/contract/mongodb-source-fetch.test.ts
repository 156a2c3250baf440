import { BSON } from 'mongodb';
import { keyOf } from '../../src/formats/bson/key';
import { sharedMongo } from '../support/servers';
import { MongodbFixture } from './source-mongodb';
import { soon } from './source-suite';

const key = (id: number) => keyOf(Buffer.from(BSON.serialize({ _id: id })));

describe('fetching rows of the source by their keys', () => {
  it('reads them no earlier than a position, and leaves out what is not there', async () => {
    await using fixture = await MongodbFixture.open(sharedMongo());
    const { source } = fixture;
    await fixture.fill('orders', [1, 2, 3]);
    await fixture.write({ in: 'orders', key: 2, value: null }, { in: 'orders', key: 3, value: 7 });
    const since = await source.currentPosition(soon());
    const keys = [1, 2, 3, 4].map(key);
    const rows = await source.fetch(fixture.namespace('orders'), keys, since, soon());
    expect([...rows.keys()].sort()).toEqual([key(1).id, key(3).id]);
    expect(BSON.deserialize(rows.get(key(3).id)!)).toEqual({ _id: 3, value: 7 });
    expect((await source.fetch(fixture.namespace('absent'), keys, since, soon())).size).toBe(0);
  });
});
