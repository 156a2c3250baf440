import { findOne } from '../bson/walk';
import { toDriver } from '../bson/value';
import { ReplicationError } from '../replication/errors';
import type { Namespace } from '../replication/namespace';

/** The `_id` of a key, as a query can hold it. */
export function queryId(key: Buffer, namespace: Namespace): unknown {
  const id = findOne(key, 0, '_id');
  const query = id && toDriver(key, id);
  if (query) return query.value;
  throw new ReplicationError('poison', {
    code: 'key_not_queryable',
    message: `a row of ${namespace} has an _id that cannot be asked for: a date out of range, a name given twice, or text that is not valid UTF-8`,
    remedy: 'Give the row another _id, or exclude its namespace.',
    namespace,
  });
}
