import { z } from 'zod';

/** A duration such as `500ms`, `30s`, `10m`, `1h`; kept as written, read with `durationMs`. */
const duration = (example: string) =>
  z
    .string()
    .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, `expected a duration such as "${example}"`)
    .default(example);

const identifier = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    'expected letters, digits, ".", "_" or "-", starting with a letter or digit',
  );

const port = z.int().min(0).max(65535);

/** `orders`, `cust*`, or with the database where the stream follows several: `shop.orders`. */
const pattern = z.string().min(1);

export const serviceSchema = z
  .strictObject({
    log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
    log_format: z.enum(['json', 'text']).default('json'),
    metrics_port: port.default(9090).describe('Prometheus metrics; 0 picks a free port'),
    health_port: port.default(8080).describe('/healthz and /readyz; 0 picks a free port'),
    graceful_shutdown_timeout: duration('30s'),
    max_concurrent_streams: z.int().min(1).max(1000).default(30).describe('streams that one worker runs at a time'),
  })
  .prefault({});

export const authenticationSchema = z.strictObject({
  id: identifier,
  type: z.literal('username_password'),
  config: z.strictObject({
    username: z.string().min(1),
    password: z.string().min(1).describe('a reference: ${env:NAME} or ${file:/path}'),
    auth_source: z.string().min(1).default('admin'),
    mechanism: z.enum(['SCRAM-SHA-256', 'SCRAM-SHA-1']).optional(),
    tls: z
      .strictObject({
        ca_file: z.string().optional(),
        certificate_key_file: z.string().optional(),
        allow_invalid_certificates: z.boolean().default(false),
      })
      .optional(),
  }),
});

export const mongodbSourceSchema = z.strictObject({
  type: z.literal('mongodb'),
  connection_string: z.string().min(1).describe('mongodb:// or mongodb+srv://; a reference where it holds a password'),
  auth_id: identifier.optional(),
  database: z.string().min(1).optional().describe('leave out to follow the whole deployment'),
  collections: z.array(pattern).min(1).optional().describe('patterns with * and ?; all when left out'),
  exclude: z.array(pattern).default([]),
  options: z
    .strictObject({
      updates: z.enum(['delta', 'row']).default('delta').describe('row: every update is read again in full'),
      max_await: duration('500ms'),
      read_preference: z
        .enum(['primary', 'primaryPreferred', 'secondary', 'secondaryPreferred', 'nearest'])
        .default('primary'),
      rename_out: z.enum(['drop', 'keep', 'needs_attention']).default('needs_attention'),
    })
    .prefault({}),
});

export const mongodbDestinationSchema = z.strictObject({
  type: z.literal('mongodb'),
  connection_string: z.string().min(1).describe('mongodb:// or mongodb+srv://; a reference where it holds a password'),
  auth_id: identifier.optional(),
  database: z.string().min(1).optional().describe('all collections go here; by default the database keeps its name'),
  namespaces: z
    .record(z.string(), z.string())
    .default({})
    .describe('renames, such as "shop.orders": "archive.orders_eu" or "shop.*": "archive.*_eu"'),
  options: z
    .strictObject({
      lanes: z.int().min(1).max(64).default(4),
      ledger_database: z.string().min(1).default('tributary'),
      create_options: z.boolean().default(true).describe("create collections with the source's options"),
      indexes: z.boolean().default(true).describe("build the source's indexes after the copy"),
    })
    .prefault({}),
});

export const streamSchema = z.strictObject({
  id: identifier,
  name: z.string().min(1).optional(),
  enabled: z.boolean().default(true),
  source: z.discriminatedUnion('type', [mongodbSourceSchema]),
  destination: z.discriminatedUnion('type', [mongodbDestinationSchema]),
  batch_size: z.int().min(1).max(10_000).default(1000),
  retry_policy: z
    .strictObject({
      max_attempts: z
        .int()
        .min(0)
        .default(0)
        .describe('failures in a row before the stream needs attention; 0: no limit'),
      initial_delay: duration('1s'),
      max_delay: duration('30s'),
      backoff_multiplier: z.number().min(1).default(2),
    })
    .prefault({}),
  snapshot: z
    .strictObject({
      mode: z.enum(['initial', 'never', 'only']).default('initial'),
      copy_parallelism: z.int().min(1).max(64).default(4),
      on_existing: z
        .enum(['refuse', 'merge', 'replace'])
        .default('refuse')
        .describe('what to do when a destination collection holds documents already'),
    })
    .prefault({}),
  error_handling: z
    .strictObject({
      on_error: z
        .enum(['fail_stream'])
        .default('fail_stream')
        .describe('what a change that the destination refuses does'),
    })
    .prefault({}),
  advanced: z
    .strictObject({
      slice: duration('10m').describe('how long one leg runs at most'),
      heartbeat_timeout: duration('10s'),
      stall_timeout: duration('2m').describe('a leg in which nothing moves for this long ends'),
    })
    .prefault({}),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal('1'),
  service: serviceSchema,
  authentication: z.array(authenticationSchema).default([]),
  streams: z.array(streamSchema).default([]),
});

/** What a stream's workflow is started with. References to secrets stay references. */
export const streamSpecSchema = z.strictObject({
  stream: streamSchema,
  authentication: z.array(authenticationSchema).default([]).describe('the entries that the stream names'),
});

export type ServiceConfig = z.output<typeof serviceSchema>;
export type AuthenticationConfig = z.output<typeof authenticationSchema>;
export type SourceConfig = StreamConfig['source'];
export type DestinationConfig = StreamConfig['destination'];
export type MongodbSourceConfig = z.output<typeof mongodbSourceSchema>;
export type MongodbDestinationConfig = z.output<typeof mongodbDestinationSchema>;
export type StreamConfig = z.output<typeof streamSchema>;
export type Config = z.output<typeof configSchema>;
export type StreamSpec = z.output<typeof streamSpecSchema>;
export type StreamSpecInput = z.input<typeof streamSpecSchema>;
