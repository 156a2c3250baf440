import type { RunningMongo } from '../../src/servers/mongodb/server';
import type { CoreOptions } from './core';
import { privateMongo } from './servers';

/**
 * A server of one test file, by its address: for tests that write so much that it would slow the shared ones, or that a
 * long history of others would slow.
 */
export function ownServer(): () => string {
  let running: RunningMongo;
  beforeAll(async () => {
    running = await privateMongo();
  });
  afterAll(() => running[Symbol.asyncDispose]());
  return () => running.uri;
}

/** One for each side. */
export function ownServers(): () => Pick<CoreOptions, 'sourceUri' | 'destinationUri'> {
  const [source, destination] = [ownServer(), ownServer()];
  return () => ({ sourceUri: source(), destinationUri: destination() });
}
