import type { z } from 'zod';
import { checkFlow, type Placed } from './checks/flow';
import { checkSecrets } from './checks/secrets';
import { checkStream } from './checks/stream';
import type { Input } from './document';
import { ConfigError, type Found, type Path } from './checks/problem';
import { configSchema, serviceSchema, streamSchema, streamSpecSchema } from './schema';
import type { Config, StreamSpec } from './schema';
import { configNode, specNode, type SchemaNode } from './settings';
import { explainIssues } from './checks/shape';

const field = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;

const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

function checkUnique(entries: readonly unknown[], at: Path): readonly Found[] {
  const seen = new Map<unknown, number>();
  return entries.flatMap((entry, index) => {
    const id = field(entry, 'id');
    const first = seen.get(id);
    if (typeof id !== 'string') return [];
    if (first === undefined) {
      seen.set(id, index);
      return [];
    }
    const remedy = 'give each entry an id of its own';
    return [{ path: [...at, index, 'id'], message: `is the id of ${String(at[0])}[${first}] already`, remedy }];
  });
}

/** Streams that are sound by themselves are checked together even when others are not: all problems at once. */
function checkStreams(candidates: readonly { at: Path; value: unknown }[], authentication: unknown): readonly Found[] {
  const logins = new Set(
    items(authentication)
      .map((entry) => field(entry, 'id'))
      .filter((id) => typeof id === 'string'),
  );
  const found: Found[] = [];
  const sound: Placed[] = [];
  for (const { at, value } of candidates) {
    const parsed = streamSchema.safeParse(value);
    if (!parsed.success) continue;
    const problems = checkStream(parsed.data, logins, at);
    found.push(...problems);
    if (problems.length === 0) sound.push({ at, stream: parsed.data });
  }
  return [...found, ...checkFlow(sound)];
}

function checkPorts(service: unknown): readonly Found[] {
  const parsed = serviceSchema.safeParse(service);
  if (!parsed.success || parsed.data.health_port === 0 || parsed.data.health_port !== parsed.data.metrics_port)
    return [];
  return [{ path: ['service', 'health_port'], message: 'is metrics_port too', remedy: 'give each a port of its own' }];
}

interface Kind<T> {
  readonly schema: z.ZodType<T>;
  readonly node: SchemaNode;
  check(value: unknown): readonly Found[];
}

function parse<T>(input: Input, origin: string, kind: Kind<T>): T {
  if (input.problems.length > 0) throw new ConfigError(origin, input.problems);
  const parsed = kind.schema.safeParse(input.value);
  const found = [
    ...(parsed.success ? [] : explainIssues(parsed.error.issues, input.value, kind.node)),
    ...checkSecrets(input.value),
    ...kind.check(input.value),
  ];
  if (found.length > 0 || !parsed.success) {
    const problems = found.map((problem) => input.locate(problem));
    throw new ConfigError(
      origin,
      problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    );
  }
  return parsed.data;
}

export const parseConfigInput = (input: Input, origin: string): Config =>
  parse(input, origin, {
    schema: configSchema,
    node: configNode(),
    check: (value) => {
      const streams = items(field(value, 'streams'));
      const authentication = field(value, 'authentication');
      return [
        ...checkUnique(items(authentication), ['authentication']),
        ...checkUnique(streams, ['streams']),
        ...checkPorts(field(value, 'service')),
        ...checkStreams(
          streams.map((stream, index) => ({ at: ['streams', index], value: stream })),
          authentication,
        ),
      ];
    },
  });

export const parseSpecInput = (input: Input, origin: string): StreamSpec =>
  parse(input, origin, {
    schema: streamSpecSchema,
    node: specNode(),
    check: (value) => {
      const authentication = field(value, 'authentication');
      return [
        ...checkUnique(items(authentication), ['authentication']),
        ...checkStreams([{ at: ['stream'], value: field(value, 'stream') }], authentication),
      ];
    },
  });
