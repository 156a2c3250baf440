import type { Fault } from '../../config/checks/fault';
import { isReference, replaceReferences } from '../../config/reference';
import type { Connection } from '../connection';
import { deployment, redact, resolve, secrets, takeApart } from './connection-string';
import { uriFault } from './uri';

const MASK = 'reference';
const SCHEMES = ['mongodb', 'mongodb+srv'];

const NONE: Fault = {
  message: 'is no connection string',
  remedy: 'write mongodb://…, mongodb+srv://… or ${env:NAME}',
};

/**
 * What is wrong with a connection string before anything is asked. A reference stands for something that fits where it
 * stands: an option that holds one is known when it is resolved.
 */
function fault(connectionString: string): Fault | null {
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

export const mongodbConnection: Connection = {
  schemes: SCHEMES,
  parse(setting) {
    if (isReference(setting)) return { value: { endpoints: [], hasLogin: false } };
    const parts = takeApart(setting);
    const wrong = parts === null ? NONE : fault(setting);
    if (parts === null || wrong !== null) return { fault: wrong ?? NONE };
    return { value: { endpoints: parts.hosts.split(','), hasLogin: parts.userinfo !== null } };
  },
  secrets,
  redact,
  deployment,
  resolve,
};
