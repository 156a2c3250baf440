import type { ReplicationError } from '../model/errors';

/**
 * What stands in the way of one namespace and of no other: it is parked, and the others go on. Errors of other codes may
 * name a namespace too, but a person has to decide about the whole stream.
 */
const PARKS: ReadonlySet<string> = new Set([
  'collation_differs',
  'replaced',
  'image_missing',
  'invalid_namespace',
  'kept_in_the_way',
  'namespace_missing',
  'not_a_collection',
  'no_time',
  'not_a_time_series',
  'not_allowed',
  'renamed_out',
  'target_capped',
  'target_conflict',
  'target_owned',
  'time_not_queryable',
  'time_series_differs',
  'unauthorized',
]);

export const parks = ({ kind, code, namespace }: ReplicationError): boolean =>
  kind === 'needs_attention' && namespace !== undefined && PARKS.has(code);
