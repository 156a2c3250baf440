import { uriFault } from '../mongodb/uri';
import { isReference, replaceReferences } from './reference';
import type { Fault } from './problem';

const MASK = 'reference';

/**
 * What is wrong with a connection string before anything is asked. A reference stands for something that fits where it
 * stands: an option that holds one is known when it is resolved.
 */
export function connectionFault(connectionString: string): Fault | null {
  if (isReference(connectionString)) return null;
  const masked = replaceReferences(connectionString, () => MASK);
  if (masked === connectionString) return uriFault(connectionString);
  const question = masked.indexOf('?', masked.lastIndexOf('@') + 1);
  const [before, query] = question < 0 ? [masked, ''] : [masked.slice(0, question), masked.slice(question + 1)];
  const open = query.split('&').filter((option) => option !== '' && !option.includes(MASK));
  // The port, where it is a reference; the password is before the "@".
  const at = before.lastIndexOf('@') + 1;
  const hosts = before.slice(at).replaceAll(`:${MASK}`, ':27017');
  return uriFault(`${before.slice(0, at)}${hosts}${open.length === 0 ? '' : `?${open.join('&')}`}`);
}
