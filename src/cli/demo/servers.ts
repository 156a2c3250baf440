import { MongoClient, type Db } from 'mongodb';
import { SEARCH_ATTRIBUTES } from '../../protocol/names';
import { startMongo } from '../../servers/mongodb/server';
import { startTemporal } from '../../servers/temporal/server';
import type { Resources } from '../resources';
import { connectTemporal, type Temporal } from '../temporal';

/** A history so long that the shop's opening does not look like the end of it. */
const DATABASES = { own: true, embeddedOplogMaxEntries: 200_000 } as const;

export interface DemoServers {
  readonly temporal: Temporal;
  readonly webUi: string;
  readonly sourceUri: string;
  readonly targetUri: string;
  readonly source: Db;
  readonly target: Db;
}

export const DATABASE = 'shop';

/** Servers of the demo's own, never ones that hold data of the user. */
export async function startServers(
  directory: string,
  env: NodeJS.ProcessEnv,
  report: (line: string) => void,
  resources: Resources,
  signal: AbortSignal,
): Promise<DemoServers> {
  const searchAttributes = Object.fromEntries(
    Object.values(SEARCH_ATTRIBUTES).map((name) => [name, 'Keyword' as const]),
  );
  const started = await Promise.allSettled([
    startTemporal(
      { own: true, dbFilename: `${directory}/temporal.db`, port: 7233, uiPort: 8233, searchAttributes, signal },
      report,
    ).then((server) => resources.use(server)),
    // One after the other: the first may have to fetch what the second then finds.
    startMongo({ ...DATABASES, storagePath: `${directory}/source`, signal }, report).then((server) =>
      resources.use(server),
    ),
  ] as const);
  const [server, sourceServer] = [value(started[0]), value(started[1])];
  const targetServer = resources.use(
    await startMongo({ ...DATABASES, storagePath: `${directory}/target`, signal }, report),
  );
  const temporal = resources.use(
    await connectTemporal({
      env: { ...env, TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: server.namespace },
      signal,
    }),
  );
  const open = async (uri: string): Promise<Db> => {
    // A server that is gone is told within seconds.
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: 5_000 });
    resources.defer(() => client.close());
    return (await client.connect()).db(DATABASE);
  };
  return {
    temporal,
    webUi: server.uiUrl ?? '-',
    sourceUri: sourceServer.uri,
    targetUri: targetServer.uri,
    source: await open(sourceServer.uri),
    target: await open(targetServer.uri),
  };
}

/** Only after all have settled: one that failed must not leave another behind. */
function value<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
