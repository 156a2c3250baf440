import type { Document, MongoClient } from 'mongodb';
import { sendsEncoded } from '../driver/internals';
import type { Finding } from '../../../core/model/finding';

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
  else if (hello['isWritablePrimary'] === false && hello['msg'] !== 'isdbgrid')
    findings.push({
      severity: 'error',
      code: 'not_primary',
      message: `the destination is no primary${typeof hello['primary'] === 'string' ? `: that is ${hello['primary']}` : ''}, and takes no writes`,
      remedy:
        'Name all members of the replica set and leave directConnection out, so that the driver finds the primary.',
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
  // Without a login a server that wants one answers all of the above, and refuses the first question about data.
  await client.db(databases.ledger).listCollections({}, { nameOnly: true, signal }).toArray();
  return [...findings, ...privilegeFindings(status, databases)];
}

interface Privilege {
  readonly resource: { readonly db?: string; readonly collection?: string; readonly anyResource?: boolean };
  readonly actions: readonly string[];
}

export function privilegeFindings(
  status: Document,
  { ledger, target }: { readonly ledger: string; readonly target: string | undefined },
): Finding[] {
  const auth = status['authInfo'] as
    | {
        authenticatedUsers?: readonly unknown[];
        authenticatedUserPrivileges?: readonly Privilege[];
      }
    | undefined;
  // Without a login the server checks nothing, or has refused to list collections.
  if (!auth?.authenticatedUsers?.length) return [];
  const privileges = auth.authenticatedUserPrivileges ?? [];
  // Some compatible servers leave the privileges out: an empty list is no answer, and not "none" or "all".
  if (privileges.length === 0) return [unknownPrivileges([ledger, ...(target === undefined ? [] : [target])])];
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

const unknownPrivileges = (databases: readonly string[]): Finding => ({
  severity: 'warning',
  code: 'privileges_unknown',
  message: 'the destination does not tell what its user may do: a missing privilege shows only when it is needed',
  remedy: `Make sure that the user has readWrite and dbAdmin on ${databases.join(' and ')}${
    databases.length > 1 ? '' : ', and on all databases that are written'
  }.`,
});
