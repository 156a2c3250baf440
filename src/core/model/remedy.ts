/**
 * The core and the connectors do not know which stream they serve: their remedies say `ID`, and `NAME` for the namespace that an
 * error or a finding is about. Where a stream's id is known, a person reads a command that can be run as it stands.
 */
export function addressedText(remedy: string, stream: string, namespace?: string): string {
  const named = remedy.replace(/(\bstreams [a-z]+|--stream) ID\b/gu, (_all, command: string) => `${command} ${stream}`);
  return namespace === undefined ? named : named.replace(/--namespace NAME\b/gu, () => `--namespace ${namespace}`);
}

/** Every `remedy` in plain data, such as an error's details or a list of findings. */
export function addressed<T>(value: T, stream: string): T {
  if (Array.isArray(value)) return value.map((each: unknown) => addressed(each, stream)) as T;
  if (!isPlain(value)) return value;
  const namespace = typeof value['namespace'] === 'string' ? value['namespace'] : undefined;
  const each = ([key, part]: [string, unknown]): [string, unknown] => [
    key,
    key === 'remedy' && typeof part === 'string' ? addressedText(part, stream, namespace) : addressed(part, stream),
  ];
  return Object.fromEntries(Object.entries(value).map(each)) as T;
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
