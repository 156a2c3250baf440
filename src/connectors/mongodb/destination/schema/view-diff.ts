import type { MongoClient } from 'mongodb';
import { RawDocument } from '../../../../formats/bson/raw-document';
import { Apart, readView, renamedView, sameView } from '../../schema/view';
import type { Finding } from '../../../../core/model/finding';
import type { Namespace, SourceNamespace } from '../../../../core/model/namespace';
import type { Renames } from '../../../../core/mapping/pattern';
import type { ViewDocument } from '../ledger/records';
import { present, type Present } from './targets';
import { unmappedView } from './view-findings';

export interface ViewLayout {
  /** Views of the source. */
  readonly views: readonly SourceNamespace[];
  readonly selected: (name: Namespace) => boolean;
  readonly records: readonly ViewDocument[];
}

/** What views at the destination are, against what the stream would have made of the source's. */
export async function compareViews(
  { client, rename }: { readonly client: MongoClient; readonly rename: Renames },
  { views, selected, records }: ViewLayout,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const listed = new Set(views.map(({ name }) => name));
  const alone = records.filter(({ source }) => !listed.has(source) && selected(source));
  const targets = [...views.map(({ name }) => rename(name)), ...alone.map(({ target }) => target)];
  const there = await present(client, targets, signal);
  return [
    ...alone.filter(({ target }) => there.get(target)?.type === 'view').map(left),
    ...views.flatMap((view) => compareView(view, there.get(rename(view.name)), rename) ?? []),
  ];
}

function compareView({ name, options }: SourceNamespace, now: Present | undefined, rename: Renames): Finding | null {
  const view = readView(RawDocument.from(options));
  if (view === null) return null;
  try {
    const wanted = renamedView(view, name, rename);
    if (now === undefined) return finding('error', 'view_missing', name, `its target ${rename(name)} does not exist`);
    const found = readView(now.options);
    if (now.type !== 'view' || found === null)
      return finding('error', 'view_in_the_way', name, `its target ${now.name} is a ${now.type}`);
    return sameView(found, wanted)
      ? null
      : finding('error', 'view_differs', name, `the view ${now.name} has another definition than the source's`);
  } catch (error) {
    if (error instanceof Apart) return unmappedView(name, error.of);
    throw error;
  }
}

const REMEDY = 'drop or rename what is there, and the stream makes the view anew within one slice';

const finding = (severity: Finding['severity'], code: string, namespace: Namespace, message: string): Finding => ({
  severity,
  code,
  message,
  remedy: REMEDY,
  namespace,
});

const left = ({ source, target }: ViewDocument): Finding => ({
  severity: 'error',
  code: 'source_missing',
  message: `the view ${source} is gone at the source, and ${target} is still there`,
  remedy: 'drop it, if it is needed no more',
  namespace: source,
});
