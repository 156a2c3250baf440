import type { Document, MongoClient } from 'mongodb';
import { sendsEncoded } from '../../mongodb/internals';
import type { Finding } from '../../replication/finding';

/** What the stream does at the destination, and the role of the server that includes it. */
const NEEDED = [
  'find',
  'insert',
  'update',
  'remove',
  'createCollection',
  'dropCollection',
  'createIndex',
  'listCollections',
] as const;

/** Replica set, version and privileges, asked without writing anything. */
export async function inspectDestination(
  client: MongoClient,
  databases: { readonly ledger: string; readonly target: string | undefined },
  signal: AbortSignal,
): Promise<Finding[]> {
  const admin = client.db('admin');
  const [hello, build] = await Promise.all([
    admin.command({ hello: 1 }, { signal }),
    admin.command({ buildInfo: 1 }, { signal }),
  ]);
  const findings: Finding[] = [];
  if (hello['setName'] === undefined && hello['msg'] !== 'isdbgrid')
    findings.push({
      severity: 'error',
      code: 'not_a_replica_set',
      message: 'the destination is a single server without a replica set, so it has no transactions',
      remedy: 'Start it with --replSet and run rs.initiate() once; one member is enough.',
    });
  const version = String(build['version']);
  if (Number.parseFloat(version) < 4.4)
    findings.push({
      severity: 'error',
      code: 'version_too_old',
      message: `the destination runs version ${version}`,
      remedy: 'Use version 4.4 or later.',
    });
  if (!sendsEncoded)
    findings.push({
      severity: 'warning',
      code: 'decoding_driver',
      message:
        'this version of the driver takes no encoded rows, so each is decoded, which some oddities do not survive',
      remedy: 'Install the version of the driver that package.json names.',
    });
  const status = await admin.command({ connectionStatus: 1, showPrivileges: true }, { signal });
  return [...findings, ...missingPrivileges(status, databases)];
}

interface Privilege {
  readonly resource: { readonly db?: string; readonly collection?: string; readonly anyResource?: boolean };
  readonly actions: readonly string[];
}

function missingPrivileges(
  status: Document,
  { ledger, target }: { readonly ledger: string; readonly target: string | undefined },
): Finding[] {
  const auth = status['authInfo'] as
    | {
        authenticatedUsers?: readonly unknown[];
        authenticatedUserRoles?: readonly unknown[];
        authenticatedUserPrivileges?: readonly Privilege[];
      }
    | undefined;
  // Nobody logged in: the server checks nothing.
  if (!auth?.authenticatedUsers?.length || auth.authenticatedUserPrivileges === undefined) return [];
  // Some compatible servers name the roles and leave the privileges out: the first write tells then.
  if (auth.authenticatedUserRoles?.length && auth.authenticatedUserPrivileges.length === 0) return [];
  const privileges = auth.authenticatedUserPrivileges;
  const missing = (database: string): string[] => {
    const granted = new Set(
      privileges
        .filter(
          ({ resource }) =>
            resource.anyResource === true ||
            ((resource.db === '' || resource.db === database) && resource.collection === ''),
        )
        .flatMap(({ actions }) => actions),
    );
    return NEEDED.filter((action) => !granted.has(action) && !granted.has('anyAction'));
  };
  return [ledger, ...(target === undefined ? [] : [target])].flatMap((database) => {
    const actions = missing(database);
    if (actions.length === 0) return [];
    return [
      {
        severity: 'error' as const,
        code: 'missing_privilege',
        message: `the user lacks ${actions.join(', ')} on database ${database} of the destination`,
        remedy: `Grant the role readWrite (with dbAdmin, for validators and indexes) on ${database}.`,
      },
    ];
  });
}
