import { BsonType } from '../../../../formats/bson/types';
import { elements, find, findOne, names, slice, text, type Element } from '../../../../formats/bson/walk';

const FIELDS = names('updatedFields', 'removedFields', 'truncatedArrays', 'disambiguatedPaths');
const EMPTY_DOCUMENT_BYTES = 5;

const isUnusual = (component: string): boolean => component === '' || component.startsWith('$');
const unusual = (path: string): boolean => (path.includes('.') ? path.split('.').some(isUnusual) : isUnusual(path));

/**
 * Whether the paths of an `updateDescription` cannot be given to `$set` and `$unset` as they are: a name may hold a dot
 * or be empty or start with `$`. A server that does not disambiguate leaves every dotted path in doubt.
 */
export function isAmbiguous(delta: Buffer): boolean {
  const [updated, removed, truncated, disambiguated] = find(delta, 0, FIELDS);
  if (disambiguated && disambiguated.end - disambiguated.start > EMPTY_DOCUMENT_BYTES) return true;
  const dotted = disambiguated === undefined;
  const doubtful = (path: string): boolean => unusual(path) || (dotted && path.includes('.'));
  return (
    (updated !== undefined && elements(delta, updated.start).some(({ name }) => doubtful(name))) ||
    (removed !== undefined && elements(delta, removed.start).some((each) => doubtful(stringOf(delta, each)))) ||
    (truncated !== undefined && elements(delta, truncated.start).some((each) => doubtful(fieldOf(delta, each))))
  );
}

const stringOf = (buf: Buffer, element: Element): string =>
  element.type === BsonType.string ? text(buf, element) : '';

function fieldOf(delta: Buffer, element: Element): string {
  const entry = slice(delta, element);
  const field = findOne(entry, 0, 'field');
  return field ? stringOf(entry, field) : '';
}
