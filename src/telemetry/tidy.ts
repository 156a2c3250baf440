import { isSecretName, Secret } from '../config/secret';
import { scrub } from './scrub';

/** Resume tokens are named like secrets, and are as good as: they hold the key of a change. */
const isHidden = (name: string): boolean => isSecretName(name) || /^dsn$|connection_?(?:string|ur[il])$/iu.test(name);
const MAX_DEPTH = 6;

/** A driver's message may quote the key of the row it is about, so only its code is told. */
const quotesRows = (error: Error): boolean => error.name.startsWith('Mongo') || 'errorResponse' in error;

const frames = (error: Error): string | undefined => {
  const lines = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return lines.length === 0 ? undefined : scrub(lines.join('\n'));
};

function tidyError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, cause } = error;
  const { code, type } = error as Error & { code?: unknown; type?: unknown };
  return {
    type: name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof type === 'string' ? { code: type } : {}),
    ...(quotesRows(error) ? {} : { message: scrub(message) }),
    stack: frames(error),
    ...(cause === undefined ? {} : { cause: tidyValue(cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: tidyValue(error.errors, depth + 1) } : {}),
  };
}

function tidyValue(value: unknown, depth: number): unknown {
  if (value instanceof Error) return depth > MAX_DEPTH ? value.name : tidyError(value, depth);
  if (typeof value === 'string') return scrub(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Secret) return '***';
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (depth > MAX_DEPTH) return '…';
  return Array.isArray(value) ? value.map((item) => tidyValue(item, depth + 1)) : tidy(value, depth + 1);
}

/** Fields as they may be written to a log: no secret by its name, no bytes, no text of a driver that quotes a key. */
export function tidy(fields: object, depth = 0): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [scrub(name), isHidden(name) ? '***' : tidyValue(value, depth)]),
  );
}
