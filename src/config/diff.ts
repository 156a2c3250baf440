import { isDeepStrictEqual } from 'node:util';
import { scrub } from '../telemetry/scrub';
import { connectionOf } from '../connectors/connections';
import type { Effect, StreamSpec } from './schema';
import { isReference } from './reference';
import { isSecretName } from './secret';
import { settings } from './settings';

/** One setting that differs. `needs_restart` is refused while the stream runs: `streams restart ID --from snapshot`. */
export interface SpecChange {
  /** As in the file, from the stream on: `source.collections`, `authentication.LOGIN.config.password`. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly effect: Exclude<Effect, 'restart_worker'>;
}

/** Values that are compared and shown as one. */
const WHOLE = new Set(['destination.namespaces', 'source.collections', 'source.exclude']);
/** Lists in which order means nothing. */
const SETS = new Set(['source.collections', 'source.exclude']);

type Leaves = Map<string, unknown>;

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function flatten(value: unknown, path: string, leaves: Leaves): Leaves {
  if (!isSection(value) || WHOLE.has(path)) {
    if (value !== undefined)
      leaves.set(path, SETS.has(path) && Array.isArray(value) ? [...(value as string[])].sort() : value);
    return leaves;
  }
  for (const [key, child] of Object.entries(value)) flatten(child, path === '' ? key : `${path}.${key}`, leaves);
  return leaves;
}

function leavesOf({ stream, authentication }: StreamSpec): Leaves {
  const leaves = flatten(stream, '', new Map());
  for (const { id, ...login } of authentication) flatten(login, `authentication.${id}`, leaves);
  return leaves;
}

function effectOf(path: string, kinds: readonly string[]): SpecChange['effect'] {
  // Another login is another way in and nothing more.
  if (path.startsWith('authentication.')) return 'restart_leg';
  const setting = settings().find(
    (other) => other.path === `streams[].${path}` && (other.variant === null || kinds.includes(other.variant)),
  );
  const effect = setting?.node.effect;
  return effect === undefined || effect === 'restart_worker' ? 'needs_restart' : effect;
}

/** A value as it may be shown. A stream that runs may have been started when less was refused. */
function shown(path: string, value: unknown): unknown {
  const name = path.slice(path.lastIndexOf('.') + 1);
  if (typeof value === 'string' && name === 'connection_string') return connectionOf(value).redact(value);
  if (isSecretName(name) && typeof value === 'string' && !isReference(value)) return '***';
  if (typeof value === 'string') return scrub(value);
  if (Array.isArray(value)) return value.map((item) => shown(path, item));
  if (!isSection(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [scrub(key), shown(path, item)]));
}

/** What changed in a stream's spec and how each change takes effect. */
export function diffSpec(before: StreamSpec, after: StreamSpec): readonly SpecChange[] {
  const old = leavesOf(before);
  const now = leavesOf(after);
  const kinds = [before, after].flatMap(({ stream }) => [stream.source.type, stream.destination.type]);
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => !isDeepStrictEqual(old.get(path), now.get(path)))
    .sort()
    .map((path) => ({
      path,
      before: shown(path, old.get(path)),
      after: shown(path, now.get(path)),
      effect: effectOf(path, kinds),
    }));
}
