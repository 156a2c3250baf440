import { ReplicationError, THEN_RESUME } from '../../../../core/model/errors';
import type { Namespace } from '../../../../core/model/namespace';

export const notACollection = (source: Namespace, target: Namespace, type: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'not_a_collection',
    message: `the target ${target} is a ${type}`,
    remedy: 'Rename it at the destination, or give the namespace another name with `namespaces`.',
    then: THEN_RESUME,
    namespace: source,
  });

export const otherKind = (source: Namespace, target: Namespace, type: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'not_a_time_series',
    message: `${source} is a time series, and its target ${target} is a ${type}`,
    remedy: 'Drop it or rename it at the destination, or give the namespace another name with `namespaces`.',
    then: THEN_RESUME,
    namespace: source,
  });

export const otherSeries = (source: Namespace, target: Namespace, options: readonly string[]): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'time_series_differs',
    message: `the target ${target} of ${source} is a time series with another ${options.join(' and ')}`,
    remedy: 'Drop it, so that it is made like the source, or give the namespace another name with `namespaces`.',
    then: THEN_RESUME,
    namespace: source,
  });

export const cappedTarget = (source: Namespace, target: Namespace): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'target_capped',
    message: `the target ${target} is capped, and MongoDB refuses to write to capped collections in a transaction`,
    remedy: 'Drop it, so that it is made as a plain collection, or give the namespace another name with `namespaces`.',
    then: THEN_RESUME,
    namespace: source,
  });

export const targetConflict = (a: Namespace, b: Namespace, target: Namespace): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'target_conflict',
    message: `${a} and ${b} would both be written to ${target}`,
    remedy: 'Give each its own name with `namespaces` in the destination, or exclude one of them.',
    namespace: a,
  });

export const keptInTheWay = (source: Namespace, target: Namespace): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'kept_in_the_way',
    message: `${source} was created again at the source, and ${target} still holds what was kept of the collection that was renamed (rename_out: keep)`,
    remedy: `Rename or drop ${target} at the destination.`,
    then: THEN_RESUME,
    namespace: source,
  });

export const otherCollation = (source: Namespace): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'collation_differs',
    message: `the target of ${source} exists with another collation, which would hold other keys for equal`,
    remedy: 'Drop the target so that it is created like the source, or give the namespace another name.',
    namespace: source,
  });

export const gone = (source: Namespace): ReplicationError =>
  new ReplicationError('retry', {
    code: 'target_gone',
    message: `the target of ${source} vanished while it was being made`,
    namespace: source,
  });
