import { BSON, Binary, type Document, type MongoClient } from 'mongodb';
import { classify } from '../../mongodb/errors';
import type { Log } from '../../replication/connector';
import { isReplicationError } from '../../replication/errors';
import type { Finding } from '../../replication/finding';
import { splitNamespace, type Namespace } from '../../replication/namespace';
import type { SourceNamespace } from '../../replication/source';
import { runDdl } from './ddl';
import type { Fence } from './fence';
import type { Namespaces } from './namespaces';

const faithful = { promoteValues: false, bsonRegExp: true } as const;

/** An index as the destination is asked to build it. */
function specification(raw: Uint8Array): Document & { name: string } {
  // The version and the namespace are the source's own.
  const { v: _v, ns: _ns, ...rest } = BSON.deserialize(raw, faithful);
  return rest as Document & { name: string };
}

/**
 * Unique indexes would refuse values that move between rows in different lanes, and expiry would delete rows that the
 * source has since extended: both wait for the end.
 */
const isHeld = (index: Document): boolean => isUnique(index) || expires(index);

export const isUnique = (index: Document): boolean => truthy(index['unique']) || truthy(index['prepareUnique']);

/** Of an index, or of the options of a clustered collection. */
export const expires = ({ expireAfterSeconds }: Document): boolean => expireAfterSeconds !== undefined;

const truthy = (value: unknown): boolean => value === true || (value instanceof BSON.Int32 && value.value !== 0);

export class Indexes {
  constructor(
    private readonly client: MongoClient,
    private readonly fence: Fence,
    private readonly namespaces: Namespaces,
    private readonly log: Log,
  ) {}

  async build(
    sources: readonly SourceNamespace[],
    report: (done: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const work: { readonly source: Namespace; readonly index: Document & { name: string } }[] = [];
    const records = sources.flatMap(({ name, indexes }) => {
      const record = this.namespaces.get(name);
      if (record?.identity == null) return [];
      const held: Binary[] = [];
      for (const raw of indexes) {
        const index = specification(raw);
        if (index.name === '_id_') continue;
        if (isHeld(index)) held.push(new Binary(raw));
        else work.push({ source: name, index });
      }
      return [{ ...record, held }];
    });
    await this.namespaces.save(records, signal);
    report(0, work.length);
    for (const [done, { source, index }] of work.entries()) {
      await this.fence.check(signal);
      await this.#create(source, index, signal).catch((error: unknown) => {
        const failure = classify(error, { role: 'destination', namespace: source });
        // A server that is away is worth waiting for; an index that it refuses must not hold up the rows.
        if (failure.kind === 'retry' || failure.kind === 'fenced' || failure.code === 'unauthorized') throw failure;
        this.log('warn', 'index_refused', { namespace: source, index: index.name, code: failure.code });
      });
      report(done + 1, work.length);
    }
  }

  async #create(source: Namespace, index: Document, signal: AbortSignal): Promise<void> {
    const { database, collection } = splitNamespace(this.namespaces.nameOf(source));
    await runDdl(this.client, database, { createIndexes: collection, indexes: [index] }, signal);
  }

  /** Builds everything that is missing, the held ones included: what an earlier attempt has built is left as it is. */
  async finalize(sources: readonly SourceNamespace[], signal: AbortSignal): Promise<Finding[]> {
    const findings: Finding[] = [];
    for (const { name, indexes } of sources) {
      if (this.namespaces.get(name)?.identity == null) continue;
      for (const raw of indexes) {
        const index = specification(raw);
        if (index.name === '_id_') continue;
        await this.fence.check(signal);
        try {
          await this.#create(name, index, signal);
        } catch (error) {
          const failure = classify(error, { role: 'destination', namespace: name });
          if (isReplicationError(failure) && (failure.kind === 'retry' || failure.kind === 'fenced')) throw failure;
          findings.push(notBuilt(name, index.name, failure.code, failure.message));
        }
      }
    }
    return findings;
  }
}

const notBuilt = (namespace: Namespace, index: string, code: string, message: string): Finding => ({
  severity: 'error',
  code: code === 'duplicate_key' ? 'unique_violation' : 'index_failed',
  message: `index ${index} of ${namespace} could not be built: ${message}`,
  remedy:
    code === 'duplicate_key'
      ? 'Find the rows that share a value and correct them at the source. The stream has ended: `apply` starts it again from where it stands, then `streams finalize ID` builds what is missing.'
      : 'Build the index by hand; or see to its cause, then `apply` (the stream has ended) and `streams finalize ID`.',
  namespace,
});
