import type { Document, MongoClient } from 'mongodb';
import { RawDocument } from '../../../formats/bson/raw-document';
import type { MongodbSourceConfig } from '../../../config/schema';
import { isReplicationError } from '../../../core/model/errors';
import { readView, sourcesOf } from '../schema/view';
import type { Finding } from '../../../core/model/finding';
import type { Namespace, SourceNamespace } from '../../../core/model/namespace';
import type { Selection } from '../../../core/mapping/pattern';
import type { ChangeStreams } from './stream/cursor';
import { withoutRows } from './databases';
import { ask, type Deployment } from './deployment';
import { isCapped } from './namespaces';

export interface InspectContext {
  readonly client: MongoClient;
  readonly config: MongodbSourceConfig;
  readonly selection: Selection;
  readonly deployment: Deployment;
  readonly streams: ChangeStreams;
  readonly namespaces: (signal: AbortSignal) => Promise<readonly SourceNamespace[]>;
}

const OLDEST_VERSION = [4, 2] as const;
const SPLIT_SINCE = '6.0.9 or 7.0';
const SHORT_WINDOW_MS = 3_600_000;

/** What stands in the way of following this source, or may later. */
export async function inspect(context: InspectContext, signal: AbortSignal): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const steps = [server, changeStream, oplog, shapes, databases, accounts];
  for (const step of steps) {
    try {
      findings.push(...(await step(context, signal)));
    } catch (error) {
      // What one step is refused says enough; the next ones may still tell more.
      if (!isReplicationError(error) || error.kind === 'retry') throw error;
      findings.push({ severity: 'error', code: error.code, message: error.message, remedy: error.remedy });
    }
  }
  return findings;
}

async function server({ client, deployment }: InspectContext, signal: AbortSignal): Promise<Finding[]> {
  const [hello, build] = await Promise.all([
    deployment.hello(signal),
    ask(() => client.db('admin').command({ buildInfo: 1 }, { signal })),
  ]);
  const findings: Finding[] = [];
  const version = String(build['version']);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1])) {
    findings.push({
      severity: 'error',
      code: 'version_too_old',
      message: `the source runs MongoDB ${version}`,
      remedy: `Use MongoDB ${OLDEST_VERSION.join('.')} or later.`,
    });
  }
  return [...findings, ...(hello.msg === 'isdbgrid' ? shardedFindings(client.options.hosts.length) : [])];
}

/** Of a source behind this many routers. */
export const shardedFindings = (routers: number): Finding[] => [
  finding(
    'warning',
    'sharded_source',
    'the source is sharded, and a row is known by its _id alone: rows of two shards that share an _id would become one',
    'Make sure that no _id of a collection stands on two shards (the server checks that only where _id is the shard key); else exclude the collection.',
  ),
  finding(
    'note',
    'sharding_not_copied',
    'the source is sharded, and targets are made unsharded: shard keys and zones are not copied',
    'Shard a target by its _id alone, before or after the copy, where it has to be sharded.',
  ),
  ...(routers > 1
    ? [
        finding(
          'warning',
          'several_routers',
          'the connection string lists several mongos, and a change stream lives on one of them',
          'List exactly one mongos in the connection_string of the source.',
        ),
      ]
    : []),
];

async function changeStream({ streams }: InspectContext, signal: AbortSignal): Promise<Finding[]> {
  const open = await ask(() => streams.open({}, signal));
  await open.close();
  const { expanded, split } = streams.features ?? { expanded: false, split: false };
  return [
    ...(expanded
      ? []
      : [
          finding(
            'note',
            'no_schema_events',
            'the source reports no created collections and no index changes, and leaves dotted paths in doubt',
            'Nothing to do: such updates are read again in full. MongoDB 6.0 or later reports them.',
          ),
        ]),
    ...(split
      ? []
      : [
          finding(
            'warning',
            'no_split_events',
            'the source cannot split large events: one above 16 MB stops the stream',
            `Use MongoDB ${SPLIT_SINCE} or later, or keep documents well below 16 MB.`,
          ),
        ]),
  ];
}

async function oplog({ deployment }: InspectContext, signal: AbortSignal): Promise<Finding[]> {
  const hello = await deployment.hello(signal);
  if (hello.msg === 'isdbgrid') return [];
  const window = await deployment.windowOrNull(signal);
  if (window === null) {
    const text = 'the user may not read local.oplog.rs, so that there is no warning before history is lost';
    return [finding('warning', 'window_unknown', text, 'Grant the user `read` on the database `local`.')];
  }
  if (window.keepsMs === null || window.keepsMs >= SHORT_WINDOW_MS) return [];
  const minutes = Math.max(1, Math.round(window.keepsMs / 60_000));
  const text = `the oplog keeps what is written now for about ${minutes} min only`;
  return [finding('note', 'short_window', text, 'Make sure that the oplog is large enough for the longest pause.')];
}

async function shapes(context: InspectContext, signal: AbortSignal): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, follows, wholeOrder, options } of await context.namespaces(signal)) {
    if (follows === 'derived') {
      findings.push(...viewFindings(name, options, context));
    } else if (follows === 'copy_only') {
      const text = `${name} is a time series: it is copied once, and what is written to it later is not followed, because it has no change stream`;
      findings.push(finding('warning', 'copied_once', text, COPY_AGAIN, name));
    } else if (follows === 'nothing') {
      const text = `${name} is neither a collection nor a view nor a time series, and is not copied`;
      findings.push(finding('warning', 'not_followed', text, 'Exclude it, and make it by hand.', name));
    } else if (isCapped(options)) {
      const text = `${name} is capped: its target is a plain collection, written by one lane in order, keeps what falls out at the source, and becomes capped with finalize`;
      const remedy = 'Nothing to do; or exclude it, or delete old rows at the destination from time to time.';
      findings.push(finding('note', 'capped', text, remedy, name));
    } else if (wholeOrder) {
      const text = `${name} has a collation: it is written by one lane, in order`;
      findings.push(finding('note', 'whole_order', text, 'Nothing to do; it is slower than others.', name));
    }
  }
  return findings;
}

const COPY_AGAIN =
  'Before the cut-over stop writing to it, then run `tributary streams restart ID --from snapshot`, which adds the rows that are missing.';

/** A view shows less at the destination where what it is computed from is not copied there. */
function viewFindings(name: Namespace, options: Buffer, { selection }: InspectContext): Finding[] {
  const view = readView(RawDocument.from(options));
  const missing = view === null ? [] : sourcesOf(view, name).filter((source) => !selection.matches(source));
  if (missing.length === 0) return [];
  const text = `the view ${name} is computed from what this stream does not follow: ${missing.join(', ')}`;
  const remedy = 'Follow that too, or see that it is at the destination; or exclude the view.';
  return [finding('warning', 'view_source_not_followed', text, remedy, name)];
}

const databases = ({ client, selection }: InspectContext, signal: AbortSignal): Promise<Finding[]> =>
  withoutRows(client, selection, signal);

/** Told where the user may see them: an application that logs in at the destination needs them there. */
async function accounts({ client, selection }: InspectContext, signal: AbortSignal): Promise<Finding[]> {
  const db = client.db(selection.database ?? 'admin');
  const counted = (command: Document, field: string): Promise<number> =>
    db.command(command, { signal }).then(
      (reply) => (Array.isArray(reply[field]) ? reply[field].length : 0),
      () => 0,
    );
  const [users, roles] = await Promise.all([
    counted({ usersInfo: selection.database === null ? { forAllDBs: true } : 1 }, 'users'),
    counted({ rolesInfo: 1 }, 'roles'),
  ]);
  if (users + roles === 0) return [];
  const text = `the source has users (${users}) and roles (${roles}) of its own, which are not copied`;
  const remedy = 'Make those that are needed at the destination by hand, with passwords of their own.';
  return [finding('note', 'accounts_not_copied', text, remedy)];
}

const finding = (
  severity: Finding['severity'],
  code: string,
  message: string,
  remedy: string,
  namespace?: string,
): Finding => ({ severity, code, message, remedy, ...(namespace !== undefined && { namespace }) });
