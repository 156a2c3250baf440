import { z } from 'zod';
import { configSchema, streamSpecSchema, type Effect } from './schema';

/** The part of JSON Schema that zod writes for our schemas. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly effect?: Effect;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly oneOf?: readonly SchemaNode[];
  readonly additionalProperties?: boolean | SchemaNode;
}

const generate = (schema: z.ZodType): SchemaNode =>
  z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  }) as SchemaNode;

let config: SchemaNode | undefined;
let spec: SchemaNode | undefined;

/** What a configuration file may hold, as written by a person: with everything that has a default left out. */
export const configNode = (): SchemaNode => (config ??= generate(configSchema));
export const specNode = (): SchemaNode => (spec ??= generate(streamSpecSchema));

/** The `const` of `type` that tells a variant of a source or destination from the others. */
export const variantOf = (node: SchemaNode): string | null => {
  const type = node.properties?.['type']?.const;
  return typeof type === 'string' ? type : null;
};

/** One key of a configuration file. */
export interface Setting {
  /** As in `streams[].source.options.updates`. */
  readonly path: string;
  /** The kind of source or destination that has it; null where all have. */
  readonly variant: string | null;
  readonly required: boolean;
  readonly node: SchemaNode;
}

interface Walk {
  readonly path: string;
  readonly variant: string | null;
}

function* walk(node: SchemaNode, at: Walk): Generator<Setting> {
  for (const option of node.oneOf ?? []) yield* walk(option, { ...at, variant: variantOf(option) });
  if (node.items?.properties !== undefined || node.items?.oneOf !== undefined) {
    yield* walk(node.items, { ...at, path: `${at.path}[]` });
  }
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const path = at.path === '' ? name : `${at.path}.${name}`;
    yield { path, variant: at.variant, required: node.required?.includes(name) ?? false, node: child };
    yield* walk(child, { ...at, path });
  }
}

let all: readonly Setting[] | undefined;

/** Every key that a configuration file may hold, in the order of the schema. */
export const settings = (): readonly Setting[] => (all ??= [...walk(configNode(), { path: '', variant: null })]);

/** A whole section, as opposed to a value. */
export const isSection = ({ node }: Setting): boolean =>
  node.properties !== undefined || node.oneOf !== undefined || node.items?.properties !== undefined;

/** The JSON Schema of a configuration file, for editors. */
export function jsonSchema(): Readonly<Record<string, unknown>> {
  const withoutEffects = JSON.parse(
    JSON.stringify(configNode(), (key, value: unknown) =>
      key === 'effect' && typeof value === 'string' ? undefined : value,
    ),
  ) as Record<string, unknown>;
  const { $schema, ...rest } = withoutEffects;
  return { $schema, title: 'Tributary configuration', ...rest };
}
