import { document, header, rawHeader } from '../../../../formats/bson/build';
import { BsonType } from '../../../../formats/bson/types';
import { walk } from '../../../../formats/bson/walk';

const SET = header(BsonType.document, '$set');
const ZEROS = Buffer.alloc(8);
/** End of a field's name and a value of eight zero bytes: what every empty timestamp looks like. */
const TRACE = Buffer.alloc(9);
/** Up to this size it is quicker to look for the trace than at each field, bytes. */
const SMALL = 32 * 1024;

/**
 * The server fills in `Timestamp(0, 0)` at the top of a row that is inserted or replaced, but not in an update.
 * Answers with the update that puts it back; null when the row has none; `impossible` where no update can name the field.
 */
export function emptyTimestamps(row: Buffer): Buffer | null | 'impossible' {
  if (row.length < SMALL && !row.includes(TRACE)) return null;
  const fields: Buffer[] = [];
  const impossible: string[] = [];
  walk(row, 0, (type, nameStart, nameEnd, start, end) => {
    if (type !== BsonType.timestamp || ZEROS.compare(row, start, end) !== 0) return false;
    // One character for each byte: only read.
    const name = row.toString('latin1', nameStart, nameEnd);
    if (name === '_id') return false;
    if (name === '' || name.startsWith('$') || name.includes('.')) impossible.push(name);
    fields.push(rawHeader(type, row.subarray(nameStart, nameEnd)), ZEROS);
    return false;
  });
  if (impossible.length > 0) return 'impossible';
  return fields.length === 0 ? null : document([SET, document(fields)]);
}
