import * as os from 'node:os';
import { MongoClient, MongoServerError, type Document, type MongoClientOptions } from 'mongodb';
import { ServiceError } from '../errors';
import type { MongoCredentials } from './options';
import { listens } from '../ports';
import { waitFor } from '../wait';

const ALREADY_INITIALIZED = 23;
const USER_EXISTS = 51003;
const START_MS = 60_000;

/**
 * The driver would import it by itself, fail under some test runners, and then tell the server no name. A server that
 * insists on one refuses such a client, and would never be seen to be ready.
 */
const runtimeAdapters = { os };

/** Waits until the server at this port is a writable primary. */
export async function primaryReady(
  port: number,
  ending: () => string | undefined,
  initiate: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const what = `an answer from a writable primary at port ${port}`;
  const options = { what, timeoutMs: START_MS, hopeless: ending, signal };
  await waitFor(async () => ((await listens(port)) ? true : undefined), options);
  await using client = open(direct(port), { serverSelectionTimeoutMS: 2_000 });
  if (initiate !== undefined) await waitFor(() => initiated(client, port, initiate), options);
  await waitFor(async () => (isPrimary(await hello(client)) ? true : undefined), options);
}

/** What the server at this address says about itself; an error when it cannot be a source of changes. */
export async function checkAddress(uri: string, variable: string): Promise<void> {
  await using client = open(uri, { serverSelectionTimeoutMS: 10_000 });
  const answer = await hello(client);
  if (answer['setName'] === undefined && answer['msg'] !== 'isdbgrid') {
    throw new ServiceError(`the server in ${variable} is not a replica set; start it with --replSet and initiate it`);
  }
}

/** The first user, made while the server still takes commands without a login. */
export async function createAdministrator(port: number, { username, password }: MongoCredentials): Promise<void> {
  await using client = open(direct(port));
  try {
    await client.db('admin').command({ createUser: username, pwd: password, roles: ['root'] });
  } catch (error) {
    // The storage is one that was used before.
    if (!(error instanceof MongoServerError && error.code === USER_EXISTS)) throw error;
  }
}

const open = (uri: string, options: MongoClientOptions = {}): MongoClient =>
  new MongoClient(uri, { ...options, runtimeAdapters });

const direct = (port: number): string => `mongodb://127.0.0.1:${port}/?directConnection=true`;

const hello = (client: MongoClient): Promise<Document> => client.db('admin').command({ hello: 1 });

const isPrimary = (answer: Document): boolean => answer['isWritablePrimary'] === true;

/** Makes a new server a replica set of one; one that was used before knows its set already. */
async function initiated(client: MongoClient, port: number, replicaSet: string): Promise<true> {
  if ((await hello(client))['setName'] !== undefined) return true;
  const members = [{ _id: 0, host: `127.0.0.1:${port}` }];
  try {
    await client.db('admin').command({ replSetInitiate: { _id: replicaSet, members } });
  } catch (error) {
    if (!(error instanceof MongoServerError && error.code === ALREADY_INITIALIZED)) throw error;
  }
  return true;
}
