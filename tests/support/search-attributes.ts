import { SEARCH_ATTRIBUTES } from '../../src/workflows/names';

export const searchAttributes = Object.fromEntries(
  Object.values(SEARCH_ATTRIBUTES).map((name) => [name, 'Keyword' as const]),
);
