import type { MongoClient } from 'mongodb';
import { RawDocument } from '../../../../formats/bson/raw-document';
import type { Finding } from '../../../../core/model/finding';
import type { Namespace, SourceNamespace } from '../../../../core/model/namespace';
import type { Renames } from '../../../../core/mapping/pattern';
import { capDifferences, capOf } from './capped';
import { differences, expires, isUnique, servesMeanwhile, specification, type Index } from '../indexes/index-specs';
import type { NamespaceDocument } from '../ledger/records';
import { indexesOf } from '../indexes/target-indexes';
import { creatable, optionDifferences, targetOptions, type Handed } from './target-options';
import { present, type Present } from './targets';

export interface LayoutOptions {
  readonly client: MongoClient;
  readonly rename: Renames;
  /** As configured: what the stream does not make is not compared. */
  readonly createOptions: boolean;
  readonly handed: Handed;
  readonly buildIndexes: boolean;
  readonly uniqueIndexes: 'hold' | 'in_force';
}

interface Layout {
  readonly namespaces: readonly SourceNamespace[];
  readonly selected: (name: Namespace) => boolean;
  readonly records: readonly NamespaceDocument[];
}

/** What targets are, apart from their rows, against what the stream would have made of the source's namespaces. */
export async function compareLayout(
  options: LayoutOptions,
  { namespaces, selected, records }: Layout,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { client, rename } = options;
  const known = new Set(namespaces.map(({ name }) => name));
  const alone = records.filter(
    ({ source, identity, left }) => identity !== null && left !== true && !known.has(source) && selected(source),
  );
  const targets = [...namespaces.map(({ name }) => rename(name)), ...alone.map(({ target }) => target)];
  const there = await present(client, targets, signal);
  const findings: Finding[] = alone
    .filter(({ target }) => there.has(target))
    .map(({ source, target }) =>
      finding(
        'error',
        'source_missing',
        source,
        `${source} is gone at the source, and its target ${target} is still there`,
      ),
    );
  const held = new Map(records.map((record) => [record.source, record]));
  for (const namespace of namespaces) {
    const target = rename(namespace.name);
    const now = there.get(target);
    if (now === undefined) {
      findings.push(finding('error', 'target_missing', namespace.name, `its target ${target} does not exist`));
    } else if (now.type !== typeOf(namespace)) {
      findings.push(finding('error', 'not_a_collection', namespace.name, `its target ${target} is a ${now.type}`));
    } else {
      if (options.createOptions)
        findings.push(...optionFindings(namespace, now, options.handed), ...capFindings(namespace, now));
      if (options.buildIndexes)
        findings.push(...(await indexFindings(options, namespace, held.get(namespace.name), now, signal)));
    }
  }
  return findings;
}

/** What the target of a namespace with rows is. */
const typeOf = ({ follows }: SourceNamespace): string => (follows === 'copy_only' ? 'timeseries' : 'collection');

const finding = (severity: Finding['severity'], code: string, namespace: Namespace, message: string): Finding => ({
  severity,
  code,
  message,
  remedy: REMEDIES[code] ?? '',
  namespace,
});

const REMEDIES: Readonly<Record<string, string>> = {
  target_missing:
    'copy it again: `tributary streams restart ID --from snapshot`; where the namespace is parked, `tributary streams resume ID --namespace NAME` is enough',
  source_missing: 'drop the target, if it is needed no more',
  not_a_collection: 'rename what is in the way, then copy the namespace again',
  cap_differs: 'set it with collMod (cappedSize, cappedMax), from MongoDB 6.0',
  options_differ: 'change the options of the target with collMod, or copy the namespace into a new one',
  index_missing: 'create the index at the destination',
  index_differs: 'drop the index at the destination and create it as the source has it',
};

function optionFindings({ name, options }: SourceNamespace, now: Present, handed: Handed): readonly Finding[] {
  if (options.length === 0) return [];
  const other = optionDifferences(targetOptions(options, handed), creatable(now.options, handed));
  return other.length === 0
    ? []
    : [finding('error', 'options_differ', name, `the target has other options than the source: ${other.join(', ')}`)];
}

/** A plain target is what the stream writes to; the source's cap comes with `finalize`. */
function capFindings({ name, options }: SourceNamespace, now: Present): readonly Finding[] {
  const wanted = capOf(RawDocument.from(options));
  const found = capOf(now.options);
  if (wanted === null)
    return found === null || options.length === 0
      ? []
      : [finding('error', 'options_differ', name, 'the target is capped, and the source is not')];
  if (found === null)
    return [finding('note', 'cap_held', name, 'the source is capped, and the target becomes so with finalize')];
  const other = capDifferences(wanted, found);
  return other.length === 0
    ? []
    : [finding('error', 'cap_differs', name, `the target is capped with another ${other.join(' and ')}`)];
}

async function indexFindings(
  options: LayoutOptions,
  { name, indexes }: SourceNamespace,
  record: NamespaceDocument | undefined,
  now: Present,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { byName: there } = await indexesOf(options.client, now.name, signal, now);
  const findings: Finding[] = [];
  const held = new Set((record?.held ?? []).map((raw) => specification(raw.buffer).name));
  const building = new Set((record?.pending ?? []).map(({ index }) => specification(index.buffer).name));
  const names = new Set<string>();
  for (const raw of indexes) {
    const wanted = specification(raw);
    if (wanted.name === '_id_') continue;
    names.add(wanted.name);
    const found = there.get(wanted.name);
    const isHeld = waits(options, wanted, held);
    // A plain one that the source has since made unique or expiring goes on serving until then.
    if (isHeld && (found === undefined || servesMeanwhile(found, wanted))) {
      findings.push(finding('note', 'index_held', name, `index ${wanted.name} waits for finalize`));
    } else if (found === undefined) {
      if (building.has(wanted.name))
        findings.push(finding('note', 'index_building', name, `index ${wanted.name} is being built`));
      else findings.push(finding('error', 'index_missing', name, `index ${wanted.name} is missing at the target`));
    } else {
      const other = differences(wanted, found);
      if (other.length > 0) findings.push(finding('error', 'index_differs', name, differs(wanted.name, other)));
    }
  }
  for (const index of there.keys()) {
    if (!names.has(index))
      findings.push(finding('note', 'index_extra', name, `the target has an index of its own: ${index}`));
  }
  return findings;
}

/** Unique and TTL indexes are put in force by `finalize`. */
const waits = ({ uniqueIndexes }: LayoutOptions, index: Index, held: ReadonlySet<string>): boolean =>
  held.has(index.name) || expires(index) || (uniqueIndexes === 'hold' && isUnique(index));

const differs = (index: string, options: readonly string[]): string =>
  `index ${index} is another one at the target: ${options.join(', ')}`;
