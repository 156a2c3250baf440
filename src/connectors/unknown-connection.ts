import { isReference, resolveReferences } from '../config/reference';
import type { Connection } from './connection';

const SCHEME = /^([a-z][a-z0-9+.-]{0,30}):\/\//iu;

/** What a setting begins with, in lower case; empty where it is no address. */
export const schemeOf = (setting: string): string => SCHEME.exec(setting)?.[1]?.toLowerCase() ?? '';

export const WHOLE = 'all of it';

/**
 * A setting that no connector reads. Nothing tells where its password begins and ends (`postgres://u:p@h`, `host=h password=p`, a
 * misspelt scheme), so all of it is a secret.
 */
export const unknownConnection: Connection = {
  schemes: [],
  parse: () => ({
    fault: {
      message: 'is no connection string of a kind that is known here',
      remedy: 'write a reference: ${env:NAME} or ${file:/path}',
    },
  }),
  secrets: (setting) => (isReference(setting) ? [] : [WHOLE]),
  redact: (setting) => {
    if (isReference(setting)) return setting;
    const scheme = schemeOf(setting);
    return scheme === '' ? '…' : `${scheme}://…`;
  },
  deployment: (setting) => setting,
  resolve: resolveReferences,
};
