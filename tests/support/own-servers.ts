import type { RunningMongo } from '../../src/services/mongo';
import type { CoreOptions } from './core';
import { privateMongo } from './servers';

/**
 * Servers of one test file: for tests that write so much that it would slow the shared ones, or that a long history of
 * others would slow.
 */
export function ownServers(): () => Pick<CoreOptions, 'sourceUri' | 'destinationUri'> {
  let running: readonly RunningMongo[] = [];
  beforeAll(async () => {
    running = await Promise.all([privateMongo(), privateMongo()]);
  });
  afterAll(async () => {
    await Promise.all(running.map((server) => server[Symbol.asyncDispose]()));
  });
  return () => {
    const [source, destination] = running as [RunningMongo, RunningMongo];
    return { sourceUri: source.uri, destinationUri: destination.uri };
  };
}
