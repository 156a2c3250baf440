/** What an administrator gives to have them. */
export const createAttributes = (namespace: string, names: readonly string[]): string =>
  `temporal operator search-attribute create --namespace ${namespace} ${names
    .map((name) => `--name ${name} --type Keyword`)
    .join(' ')} (Temporal Cloud: tcld namespace search-attributes add)`;
