import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../src/activities';
import { checkFile } from '../../src/cli/check/check';
import { refuseOwnedTargets } from '../../src/cli/check/owned';
import { parseSpec } from '../../src/config/spec';
import { Secret } from '../../src/config/secret';
import { openDestination, openSource } from '../../src/connectors/registry';
import { systemClock } from '../../src/host/clock';
import type { LegBase, Prepared, PrepareLeg } from '../../src/protocol/stream-activities';
import { silentMeter } from '../support/changes';
import { CoreStream } from '../support/core';
import { forgetRecords } from '../support/records';
import { sharedMongo } from '../support/servers';

const forever = new AbortController().signal;
setMaxListeners(0, forever);
const uris = { source: sharedMongo('source'), destination: sharedMongo('destination') };

/** Activities of a second stream with the source and the targets of another one. */
class Second implements AsyncDisposable {
  readonly id: string;
  #epoch = 0;
  readonly #activities = createActivities({
    openSource,
    openDestination,
    resolveCredentials: (_spec, side) => ({ connectionString: new Secret(uris[side]) }),
    log: () => () => undefined,
    meter: () => silentMeter,
    clock: systemClock,
  });

  constructor(
    readonly t: CoreStream,
    readonly shared = false,
  ) {
    this.id = `${t.id}-second`;
  }

  get stream() {
    return {
      id: this.id,
      source: { type: 'mongodb', connection_string: '${env:OWNERS_SOURCE}', database: this.t.sourceDb.databaseName },
      destination: {
        type: 'mongodb',
        connection_string: '${env:OWNERS_DESTINATION}',
        options: { shared_targets: this.shared },
      },
      snapshot: { on_existing: 'replace' },
    };
  }

  get spec() {
    return parseSpec({ stream: this.stream });
  }

  get #base(): LegBase {
    this.#epoch += 1;
    return { spec: this.spec, epoch: this.#epoch, ledger: 'any', park: [] };
  }

  prepare(): Promise<Prepared> {
    const input: PrepareLeg = { ...this.#base, copyMode: 'replace', restart: false, plan: true };
    return new MockActivityEnvironment().run((leg: PrepareLeg) => this.#activities.prepare(leg), input);
  }

  finalize() {
    return new MockActivityEnvironment().run(() => this.#activities.finalize(this.#base));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await forgetRecords(this.t.destinationClient, this.id);
  }
}

describe('a second stream for a target that another one has', () => {
  const before = { ...process.env };
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'owners-'));
    process.env['OWNERS_SOURCE'] = uris.source;
    process.env['OWNERS_DESTINATION'] = uris.destination;
  });
  afterAll(async () => {
    process.env = before;
    await rm(folder, { recursive: true });
  });

  async function first(): Promise<CoreStream> {
    const t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany([{ n: 1 }, { n: 2 }]);
    await t.copy();
    return t;
  }

  it('is refused before it empties anything', async () => {
    await using t = await first();
    await using second = new Second(t);
    await t.destinationDb.collection('orders').insertOne({ n: 'of the first stream' });
    await expect(second.prepare()).rejects.toThrow(`belongs to stream ${t.id}`);
    expect(await t.destinationDb.collection('orders').countDocuments()).toBe(3);
  });

  it('is refused by `apply`, and not where the databases cannot be asked', async () => {
    await using t = await first();
    await using second = new Second(t);
    await expect(refuseOwnedTargets(second.spec, forever)).rejects.toMatchObject({
      code: 'target_owned',
      remedy: expect.stringContaining(`tributary streams forget ${t.id}`) as string,
    });
    const elsewhere = { ...second.stream.destination, connection_string: '${env:OWNERS_NOT_SET}' };
    await refuseOwnedTargets(parseSpec({ stream: { ...second.stream, destination: elsewhere } }), forever);
  });

  it('is a finding of `config check --connect`', async () => {
    await using t = await first();
    await using second = new Second(t);
    const file = join(folder, 'streams.json');
    writeFileSync(file, JSON.stringify({ version: '1', streams: [second.stream] }));
    const { findings, problems } = await checkFile(file, true, forever);
    expect(problems).toEqual([]);
    const owned = findings.filter(({ severity }) => severity === 'error');
    expect(owned).toMatchObject([{ code: 'target_owned', stream: second.id, side: 'destination' }]);
  });

  it('may write it once the first is forgotten, and leaves it when it is finalized', async () => {
    await using t = await first();
    await using second = new Second(t);
    await t.destination.forget(t.id, forever);
    expect((await second.prepare()).resumed).toBe(false);
    expect(await t.destination.ownedByOthers([`${t.sourceDb.databaseName}.orders`], forever)).toHaveLength(1);
    await second.finalize();
    expect(await t.destination.ownedByOthers([`${t.sourceDb.databaseName}.orders`], forever)).toEqual([]);
  });

  it('shares it where both say so, and tells', async () => {
    await using t = await first();
    await t.destination.forget(t.id, forever);
    await using second = new Second(t, true);
    await second.prepare();
    await using third = new Second(t, true);
    Object.assign(third, { id: `${t.id}-third` });
    const { findings } = await third.prepare();
    expect(findings).toContainEqual(expect.objectContaining({ code: 'target_shared', severity: 'warning' }));
  });
});
