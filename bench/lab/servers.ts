import { Client, Connection } from '@temporalio/client';
import { MongoClient } from 'mongodb';
import { SEARCH_ATTRIBUTES } from '../../src/protocol/names';
import type { MongoOptions } from '../../src/servers/mongodb/options';
import { startMongo } from '../../src/servers/mongodb/server';
import { onPath } from '../../src/servers/path';
import type { Report } from '../../src/servers/report';
import { startTemporal } from '../../src/servers/temporal/server';
import type { Variant } from '../options';
import { Owned } from './owned';
import type { BenchWorker } from './worker';

/** The change streams of two hundred streams; and an index over a million rows, which is built in one transaction that has to fit in the cache. */
const LARGE = { oplogRetentionSeconds: 7 * 86_400, sessionMax: 10_000, cacheSize: '3G' };
/** Changes that the history holds. The embedded servers read the whole of it for a question about its ends, which MongoDB does not. */
const HISTORY = 200_000;

/** A source, a target and Temporal, of this benchmark alone. */
export class Servers extends Owned {
  /** The worker of all suites that start none of their own. */
  worker: Promise<BenchWorker> | undefined;

  private constructor(
    readonly uris: { readonly source: string; readonly target: string; readonly temporal: string },
    readonly source: MongoClient,
    readonly target: MongoClient,
    readonly temporal: Client,
    readonly provider: string,
  ) {
    super();
  }

  static async start(variant: Variant, report: Report, history = HISTORY): Promise<Servers> {
    const owned = new Owned();
    try {
      const options = { variant, own: true, ...(await limits(variant, history)) };
      const source = await owned.own(startMongo(options, report));
      const target = await owned.own(startMongo(options, report));
      const searchAttributes = Object.fromEntries(
        Object.values(SEARCH_ATTRIBUTES).map((name) => [name, 'Keyword' as const]),
      );
      const temporal = await owned.own(startTemporal({ searchAttributes, ui: false, own: true }, report));
      const connection = await Connection.connect({ address: temporal.address });
      const uris = { source: source.uri, target: target.uri, temporal: temporal.address };
      const [from, into] = [new MongoClient(source.uri), new MongoClient(target.uri)];
      const servers = new Servers(uris, from, into, new Client({ connection }), source.provider);
      await servers.own(Promise.resolve(owned));
      for (const client of [from, into, connection]) servers.atEnd(() => client.close());
      return servers;
    } catch (error) {
      await owned[Symbol.asyncDispose]();
      throw error;
    }
  }
}

/** Limits of the history are an option of the embedded servers: asking for them rules out a `mongod` that is there. */
async function limits(variant: Variant, oplogMaxEntries: number): Promise<Partial<MongoOptions>> {
  return variant === 'default' && (await onPath('mongod')) !== undefined ? {} : { ...LARGE, oplogMaxEntries };
}
