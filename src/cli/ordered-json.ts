/** JSON as `JSON.stringify` writes it, of what may hold Maps: their entries keep their order, as those of an object with names such as `10` do not. */
export function orderedJson(value: unknown, indent = '', around = ''): string {
  // In a list, what JSON does not know is null.
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') return 'null';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (hasJson(value)) return orderedJson(value.toJSON(), indent, around);
  const inside = around + indent;
  const list = (open: string, parts: readonly string[], close: string): string => {
    if (parts.length === 0) return open + close;
    if (indent === '') return `${open}${parts.join(',')}${close}`;
    return `${open}\n${parts.map((part) => inside + part).join(',\n')}\n${around}${close}`;
  };
  if (Array.isArray(value)) {
    return list(
      '[',
      value.map((part: unknown) => orderedJson(part, indent, inside)),
      ']',
    );
  }
  const entries = value instanceof Map ? [...(value as Map<string, unknown>)] : Object.entries(value);
  const colon = indent === '' ? ':' : ': ';
  const parts = entries
    .filter(([, part]) => part !== undefined && typeof part !== 'function' && typeof part !== 'symbol')
    .map(([name, part]) => `${JSON.stringify(name)}${colon}${orderedJson(part, indent, inside)}`);
  return list('{', parts, '}');
}

const hasJson = (value: object): value is { toJSON(): unknown } =>
  'toJSON' in value && typeof value.toJSON === 'function';
