import { reasonOf } from '../../src/servers/errors';
import { startMongo } from '../../src/servers/mongodb/server';
import { startTemporal } from '../../src/servers/temporal/server';
import { searchAttributes } from './search-attributes';
import { publish, type SharedServers } from './shared-servers';

/** More than any test writes while its stream looks away; a long history slows every leg down. */
const mongo = { testCommands: true, embeddedOplogMaxEntries: 20_000 };

const report = (line: string) => console.log(line);

/** One of each for all test files: starting them takes longer than most tests. */
export default async function startSharedServers(): Promise<void> {
  const running: AsyncDisposable[] = [];
  // One that cannot be had fails the tests that ask for it, and only those.
  const shared = async <T extends AsyncDisposable, S>(start: Promise<T>, share: (server: T) => S) => {
    try {
      const server = await start;
      running.push(server);
      return share(server);
    } catch (error) {
      return { missing: reasonOf(error) };
    }
  };
  const [temporal, source, destination] = await Promise.all([
    shared(startTemporal({ searchAttributes }, report), ({ address, namespace }) => ({ address, namespace })),
    shared(startMongo(mongo, report), ({ uri }) => ({ uri })),
    shared(startMongo({ ...mongo, addressVariable: 'TRIBUTARY_TEST_DESTINATION_MONGODB_URI' }, report), ({ uri }) => ({
      uri,
    })),
  ]);
  const servers: SharedServers = { temporal, source, destination };
  publish(servers, running);
}
