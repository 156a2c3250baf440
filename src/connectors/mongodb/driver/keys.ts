import { findOne } from '../../../formats/bson/walk';
import { toDriver } from '../../../formats/bson/value';
import { ReplicationError } from '../../../core/model/errors';
import type { Namespace } from '../../../core/model/namespace';

/** Keys per question, and bytes of them: a question is one command, which may have 16 MB. */
const KEYS = 500;
const KEY_BYTES = 4 * 1024 * 1024;

/** Keys, or what has one, in as many questions as it takes; a larger key is asked for alone. */
export function* questions<T>(all: readonly T[], keyOf: (each: T) => Buffer): Generator<readonly T[]> {
  let [from, bytes] = [0, 0];
  for (const [at, each] of all.entries()) {
    const { length } = keyOf(each);
    if (at > from && (at - from >= KEYS || bytes + length > KEY_BYTES)) {
      yield all.slice(from, at);
      [from, bytes] = [at, 0];
    }
    bytes += length;
  }
  if (from < all.length) yield all.slice(from);
}

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
