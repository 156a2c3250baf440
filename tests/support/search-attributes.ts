import { SEARCH_ATTRIBUTES } from '../../src/protocol/names';

export const searchAttributes = Object.fromEntries(
  Object.values(SEARCH_ATTRIBUTES).map((name) => [name, 'Keyword' as const]),
);
