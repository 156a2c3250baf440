import type { MongoClient } from 'mongodb';
import { Secret } from '../../src/config/secret';
import { runDdl } from '../../src/connectors/mongodb/destination/schema/ddl';
import { openClient } from '../../src/connectors/mongodb/client';
import { SERVER_CODES } from '../../src/connectors/mongodb/error-codes';
import { classify } from '../../src/connectors/mongodb/errors';
import type { ReplicationError } from '../../src/core/model/errors';
import { CoreStream } from '../support/core';
import { failPoint, type CommandFault } from '../support/fail-point';
import type { RunningMongo } from '../../src/servers/mongodb/server';
import { privateMongo, uniqueName } from '../support/servers';
import { failure } from './destination-suite';

const APP = uniqueName('codes');
/** A server has one fail point at a time, and others use the shared ones. */
let servers: { readonly source: RunningMongo; readonly destination: RunningMongo };
beforeAll(async () => {
  const [source, destination] = await Promise.all([privateMongo(), privateMongo()]);
  servers = { source, destination };
});
afterAll(async () => {
  for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
});

const forever = new AbortController().signal;

describe('every code that has a meaning', () => {
  let client: MongoClient;

  beforeAll(async () => {
    const context = { stream: APP, log: () => undefined };
    const driver = { retryReads: false, retryWrites: false };
    const options = { appName: `tributary/${APP}`, role: 'destination', driver } as const;
    client = await openClient({ connectionString: new Secret(servers.destination.uri) }, context, options);
  });

  afterAll(() => client.close());

  it('is told by a server as it is written down, and says what to do where a person has to', async () => {
    // The driver's own business: it logs in again, or sees its connection close.
    const handled = new Set([372, 391]);
    const otherwise: number[] = [];
    for (const [code, { kind, code: name, remedy }] of SERVER_CODES) {
      if (handled.has(code)) continue;
      await using _failing = await failPoint(servers.destination.uri, APP, {
        failCommands: ['count'],
        errorCode: code,
      });
      const error = await failure(
        client
          .db(APP)
          .command({ count: 'c' })
          .catch((raw: unknown) => {
            throw classify(raw, { role: 'destination' });
          }),
      );
      // Some codes carry particulars that a fail point does not have: then the server answers with another one.
      if (error.message.includes(`code ${code}`))
        expect([code, error.kind, error.code, error.remedy]).toEqual([code, kind, name, remedy]);
      else otherwise.push(code);
      if (kind === 'needs_attention') expect(remedy).not.toBe('');
    }
    expect(otherwise.length).toBeLessThan(SERVER_CODES.size / 20);
  });

  it('is no write at all where only the write concern failed', async () => {
    const fault = { failCommands: ['create'], writeConcernError: { code: 91, errmsg: 'down' } };
    await using _failing = await failPoint(servers.destination.uri, APP, fault);
    const made = runDdl(client, APP, { create: 'c' }, forever);
    const error = classify(await made.catch((raw: unknown) => raw), { role: 'destination' });
    expect([error.kind, error.code]).toEqual(['retry', 'write_concern']);
  });
});

/** A stream in step, and what its next leg meets. */
async function met(role: 'source' | 'destination', fault: CommandFault): Promise<ReplicationError> {
  await using t = await CoreStream.open({
    sourceUri: servers.source.uri,
    destinationUri: servers.destination.uri,
  });
  await t.sourceDb.collection('a').insertOne({ _id: 1 as never });
  await t.copy();
  await t.catchUp();
  await t.sourceDb.collection('a').insertOne({ _id: 2 as never });
  const error = await (async () => {
    await using _failing = await failPoint(servers[role].uri, t.id, fault);
    return await failure(t.leg({ sliceMs: 5_000 }));
  })();
  // Whatever it was: nothing is lost, and nothing is passed.
  await t.catchUp();
  await t.expectSame();
  return error;
}

describe('a leg that meets', () => {
  it.each([
    ['a server that is no primary', 'destination', { errorCode: 10107 }, 'retry not_primary'],
    ['a full disk', 'destination', { errorCode: 14031 }, 'retry out_of_space'],
    ['a user without a privilege', 'destination', { errorCode: 13 }, 'needs_attention unauthorized'],
    ['a number that is not in the table', 'destination', { errorCode: 987_654 }, 'retry server_error'],
    ['a command that is not understood', 'destination', { errorCode: 40415 }, 'bug unexpected'],
    ['a higher number on its session', 'destination', { errorCode: 206 }, 'fenced fenced'],
  ] as const)('%s ends as it should', async (_what, role, fault, expected) => {
    const error = await met(role, { failCommands: ['insert', 'update', 'commitTransaction'], ...fault });
    expect(`${error.kind} ${error.code}`).toBe(expected);
  });

  it.each([
    ['a lost history', { errorCode: 286 }, 'needs_attention history_lost'],
    ['a user without a privilege', { errorCode: 13 }, 'needs_attention unauthorized'],
    ['an event above 16 MB', { errorCode: 10334 }, 'poison too_large'],
  ] as const)('%s at its source ends as it should', async (_what, fault, expected) => {
    const error = await met('source', { failCommands: ['getMore'], ...fault });
    expect(`${error.kind} ${error.code}`).toBe(expected);
    expect(error.remedy).not.toBe('');
  });
});
