import { randomBytes } from 'node:crypto';
import { startMongo, type RunningMongo } from '../../src/servers/mongodb/server';
import type { MongoOptions } from '../../src/servers/mongodb/options';
import { silent } from '../../src/servers/report';
import { startTemporal, type RunningTemporal, type TemporalOptions } from '../../src/servers/temporal/server';
import { searchAttributes } from './search-attributes';
import { shared } from './shared-servers';

/** The servers of this jest run; test commands are on. Each test takes databases with names of its own. */
export const sharedMongo = (role: 'source' | 'destination' = 'source'): string => shared(role).uri;

export const sharedTemporal = (): { readonly address: string; readonly namespace: string } => shared('temporal');

/** A server for one test, which may kill it: no acknowledged write is lost by that. */
export const privateMongo = (options: MongoOptions = {}): Promise<RunningMongo> =>
  startMongo({ testCommands: true, syncOnCommit: true, ...options, own: true }, silent);

export const privateTemporal = (options: TemporalOptions = {}): Promise<RunningTemporal> =>
  startTemporal({ searchAttributes, ui: false, ...options, own: true }, silent);

/** A name that no other test uses: the servers are shared. */
export const uniqueName = (prefix: string): string => `${prefix}_${randomBytes(5).toString('hex')}`;
