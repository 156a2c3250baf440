import { z } from 'zod';
import { advice } from './checks/fault';
import { cadenceFault } from './schedule';
import { isTimeZone, WEEKDAYS } from './values/week';

/**
 * How a changed setting takes effect. `live`: at once or with the next leg. `restart_leg`: the running leg ends and a
 * new one begins. `needs_restart`: refused while the stream runs, because what has been copied would no longer fit.
 * `restart_worker`: read when a worker starts.
 */
export type Effect = 'live' | 'restart_leg' | 'needs_restart' | 'restart_worker';

declare module 'zod' {
  interface GlobalMeta {
    readonly effect?: Effect;
  }
}

const live = (description: string) => ({ description, effect: 'live' as const });
const restartLeg = (description: string) => ({ description, effect: 'restart_leg' as const });
const needsRestart = (description: string) => ({ description, effect: 'needs_restart' as const });
const restartWorker = (description: string) => ({ description, effect: 'restart_worker' as const });

/** A duration such as `500ms`, `30s`, `10m`, `1h`; kept as written, read with `durationMs`. */
const duration = (example: string) =>
  z
    .string()
    .regex(
      /^\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)$/,
      advice({ message: 'is no duration', remedy: `write a number and ms, s, m, h or d, such as "${example}"` }),
    )
    .default(example);

const identifier = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    advice({
      message: 'holds something else than letters, digits, ".", "_" and "-", or does not begin with a letter or digit',
      remedy: 'write a short name such as "orders-eu"',
    }),
  );

const port = z.int().min(0).max(65535);

const timeOfDay = z
  .string()
  .regex(
    /^([01]\d|2[0-3]):[0-5]\d$/,
    advice({ message: 'is no time of day', remedy: 'write hours and minutes in quotes, such as "08:00"' }),
  );
const eventsPerSecond = z.int().min(0).default(0);
const bytesPerSecond = z.int().min(0).default(0);

/** `orders`, `cust*`, or with the database where the stream follows several: `shop.orders`. */
const pattern = z.string().min(1);

export const serviceSchema = z
  .strictObject({
    log_level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error'])
      .default('info')
      .meta(restartWorker('the least severe level that is logged')),
    log_format: z.enum(['json', 'text']).default('json').meta(restartWorker('`text` is for reading on a terminal')),
    metrics_port: port.default(9090).meta(restartWorker('Prometheus metrics; 0 picks a free port')),
    health_port: port.default(8080).meta(restartWorker('/healthz and /readyz; 0 picks a free port')),
    graceful_shutdown_timeout: duration('30s').meta(
      restartWorker('how long a worker that is told to end may take to hand its positions back'),
    ),
    max_concurrent_streams: z
      .int()
      .min(1)
      .max(1000)
      .default(30)
      .meta(restartWorker('streams that one worker runs at a time')),
  })
  .prefault({})
  .describe('what a worker process does for itself');

export const authenticationSchema = z.strictObject({
  id: identifier.meta(restartLeg('what `auth_id` of a source or destination names')),
  type: z.literal('username_password').meta(restartLeg('SCRAM, with or without TLS')),
  config: z
    .strictObject({
      username: z.string().min(1).meta(restartLeg('may be a reference')),
      password: z.string().min(1).meta(restartLeg('a reference: ${env:NAME} or ${file:/path}')),
      auth_source: z.string().min(1).default('admin').meta(restartLeg('the database that holds the user')),
      mechanism: z
        .enum(['SCRAM-SHA-256', 'SCRAM-SHA-1'])
        .optional()
        .meta(restartLeg('negotiated with the server when left out')),
      tls: z
        .strictObject({
          ca_file: z
            .string()
            .min(1)
            .optional()
            .meta(restartLeg('file in the worker with the certificate authorities to trust; may be a reference')),
          certificate_key_file: z
            .string()
            .min(1)
            .optional()
            .meta(restartLeg('file in the worker with the client certificate and its private key; may be a reference')),
          allow_invalid_certificates: z
            .boolean()
            .default(false)
            .meta(restartLeg('trusts whatever certificate the server shows; for tests only')),
        })
        .optional()
        .describe('present: the connection uses TLS'),
    })
    .describe('how to log in'),
});

const CONNECTION_STRING = 'mongodb:// or mongodb+srv://; a reference where it holds a password';
const AUTH_ID = 'an entry of `authentication`; leave out when the connection string says it all';

export const mongodbSourceSchema = z.strictObject({
  type: z.literal('mongodb').meta(needsRestart('the kind of database')),
  connection_string: z.string().min(1).meta(restartLeg(CONNECTION_STRING)),
  auth_id: identifier.optional().meta(restartLeg(AUTH_ID)),
  database: z.string().min(1).optional().meta(needsRestart('leave out to follow the whole deployment')),
  collections: z
    .array(pattern)
    .min(1)
    .optional()
    .meta(restartLeg('patterns with `*` and `?`, as `database.collection` without `database`; all when left out')),
  exclude: z.array(pattern).default([]).meta(restartLeg('patterns of what is not followed; wins over `collections`')),
  options: z
    .strictObject({
      updates: z
        .enum(['delta', 'row'])
        .default('delta')
        .meta(restartLeg('`delta`: updates carry what changed; `row`: every updated row is read again in full')),
      max_await: duration('2s').meta(
        restartLeg(
          'how long the server may wait for changes, once there were none for a while, before it reports an idle position',
        ),
      ),
      read_preference: z
        .enum(['primary', 'primaryPreferred', 'secondary', 'secondaryPreferred', 'nearest'])
        .default('primary')
        .meta(restartLeg('which members of the source are read')),
      rename_out: z
        .enum(['drop', 'keep', 'needs_attention'])
        .default('needs_attention')
        .meta(restartLeg('a followed collection gets a name that is not followed: what becomes of its copy')),
    })
    .prefault({})
    .describe('how the source is read'),
});

export const mongodbDestinationSchema = z.strictObject({
  type: z.literal('mongodb').meta(needsRestart('the kind of database')),
  connection_string: z.string().min(1).meta(restartLeg(CONNECTION_STRING)),
  auth_id: identifier.optional().meta(restartLeg(AUTH_ID)),
  database: z
    .string()
    .min(1)
    .optional()
    .meta(needsRestart('all collections go here; by default the database keeps its name')),
  namespaces: z
    .record(z.string(), z.string())
    .default({})
    .meta(needsRestart('renames, such as "shop.orders": "archive.orders_eu" or "shop.*": "archive.*_eu"')),
  options: z
    .strictObject({
      lanes: z.int().min(1).max(64).default(4).meta(restartLeg('parallel writers; a key always goes to the same one')),
      ledger_database: z
        .string()
        .min(1)
        .default('tributary')
        .meta(needsRestart("the database at the destination that holds the streams' ledgers")),
      create_options: z.boolean().default(true).meta(restartLeg("create collections with the source's options")),
      storage_engine: z
        .boolean()
        .default(false)
        .meta(restartLeg("create them with the source's `storageEngine` options too: both servers need that engine")),
      shared_targets: z
        .boolean()
        .default(false)
        .meta(
          restartLeg(
            'write targets beside other streams that set this too, such as shards that are merged into one collection; without it a target belongs to one stream',
          ),
        ),
      indexes: z.boolean().default(true).meta(restartLeg("build the source's indexes after the copy")),
      unique_indexes: z
        .enum(['hold', 'in_force'])
        .default('hold')
        .meta(
          restartLeg(
            '`hold`: unique indexes wait for `finalize`; `in_force`: they are built with the others, and rows that collide are written together',
          ),
        ),
    })
    .prefault({})
    .describe('how the destination is written'),
});

export const streamSchema = z.strictObject({
  id: identifier.describe('names the stream and its workflow; another id is another stream'),
  name: z.string().min(1).optional().meta(live('for people')),
  enabled: z.boolean().default(true).meta(live('false: `apply` does not start it, and pauses it where it runs')),
  source: z.discriminatedUnion('type', [mongodbSourceSchema]).describe('the database that is read'),
  destination: z.discriminatedUnion('type', [mongodbDestinationSchema]).describe('the database that is written'),
  batch_size: z
    .int()
    .min(1)
    .max(10_000)
    .default(1000)
    .meta(restartLeg('changes in a batch at most; ten times as many rows in a step of the copy')),
  retry_policy: z
    .strictObject({
      max_attempts: z
        .int()
        .min(0)
        .default(0)
        .meta(live('failures in a row before the stream needs attention; 0: no limit')),
      initial_delay: duration('1s').meta(live('delay after the first failure')),
      max_delay: duration('30s').meta(live('delay after many failures')),
      backoff_multiplier: z.number().min(1).default(2).meta(live('how much longer each delay is than the one before')),
    })
    .prefault({})
    .describe('what follows a failed leg'),
  snapshot: z
    .strictObject({
      mode: z
        .enum(['initial', 'never', 'only'])
        .default('initial')
        .meta(needsRestart('`initial`: copy, then follow; `never`: follow only; `only`: copy, then stop')),
      copy_parallelism: z.int().min(1).max(64).default(4).meta(restartLeg('ranges that are copied at a time')),
      on_existing: z
        .enum(['refuse', 'merge', 'replace'])
        .default('refuse')
        .meta(live('what to do when a destination collection holds documents already, read when a copy begins')),
    })
    .prefault({})
    .describe('the copy of what exists before the stream starts'),
  limits: z
    .strictObject({
      events_per_second: eventsPerSecond.meta(
        restartLeg('changes, and rows while copying, at most; 0: as fast as it goes'),
      ),
      bytes_per_second: bytesPerSecond.meta(restartLeg('their encoded size at most; 0: as fast as it goes')),
      time_zone: z
        .string()
        .refine(
          isTimeZone,
          advice({
            message: 'is no time zone that is known',
            remedy: 'write its name, such as "Europe/Zurich" or "UTC"',
          }),
        )
        .default('UTC')
        .meta(restartLeg('of `hours`')),
      hours: z
        .array(
          z.strictObject({
            days: z
              .array(z.enum(WEEKDAYS))
              .min(1)
              .optional()
              .meta(restartLeg('`mon` to `sun`; every day when left out')),
            from: timeOfDay.meta(restartLeg('the first minute, such as `08:00`')),
            to: timeOfDay.meta(restartLeg('the minute after the last; at or before `from`: on the next day')),
            events_per_second: eventsPerSecond.meta(restartLeg('as above, in these hours')),
            bytes_per_second: bytesPerSecond.meta(restartLeg('as above, in these hours')),
          }),
        )
        .default([])
        .meta(restartLeg('hours with limits of their own: the first that cover a moment hold')),
    })
    .prefault({})
    .describe('how fast the stream goes at most, to spare its two sides'),
  error_handling: z
    .strictObject({
      on_error: z
        .enum(['fail_stream', 'skip', 'retry', 'dead_letter'])
        .default('fail_stream')
        .meta(
          restartLeg(
            'a change that the destination refuses: `fail_stream` stops before it; `skip` leaves it out and counts it; `retry` tries `max_retries` times, then stops; `dead_letter` keeps it aside',
          ),
        ),
      max_retries: z
        .int()
        .min(0)
        .max(1000)
        .optional()
        .meta(restartLeg('tries after the first before `on_error` decides; 3 with `retry`, 0 with the others')),
      retry_delay: duration('1s').meta(restartLeg('between two tries')),
      dead_letter_destination: z
        .string()
        .regex(/^[^.]+\..+$/, advice({ message: 'names no collection', remedy: 'write "database.collection"' }))
        .optional()
        .meta(
          needsRestart('`database.collection` at the destination; `dead_letters` in the ledger database when left out'),
        ),
      isolate_namespaces: z
        .boolean()
        .default(true)
        .meta(restartLeg('a namespace that cannot go on is parked, and the others go on')),
      unsupported_schema_change: z
        .enum(['ignore', 'needs_attention'])
        .default('ignore')
        .meta(restartLeg('a schema change that the destination cannot express; counted and logged in either case')),
    })
    .prefault({})
    .describe('what follows a change that cannot be applied'),
  verification: z
    .strictObject({
      schedule: z
        .string()
        .superRefine((text, context) => {
          const fault = cadenceFault(text);
          if (fault !== null) context.addIssue(advice(fault));
        })
        .optional()
        .meta(live('how often both sides are compared by themselves: `24h`, or a cron line such as `0 3 * * *`')),
      repair: z.boolean().default(false).meta(live('rows that differ are copied again')),
      rows_per_second: z
        .int()
        .min(0)
        .default(10_000)
        .meta(live('how fast each side is read at most; 0: as fast as it goes')),
    })
    .prefault({})
    .describe('comparing both sides while the stream runs'),
  advanced: z
    .strictObject({
      slice: duration('10m').meta(live('how long one leg runs at most')),
      heartbeat_timeout: duration('10s').meta(live('a leg that is silent for this long is given up')),
      failover: z
        .enum(['standard', 'fast'])
        .default('standard')
        .meta(live('`fast`: a lost worker is noticed within 3 s, at the price of more heartbeats')),
      window_warning: duration('1h').meta(
        live('how much of the history window may be left before the status warns that it is about to be lost'),
      ),
      status_interval: duration('1m').meta(
        live(
          'how often the status is refreshed: by the running leg while something moves, at the price of one Temporal action each time; while no leg runs, first after this long and then less and less often, up to ten times that',
        ),
      ),
      stall_timeout: duration('2m').meta(restartLeg('a leg in which nothing moves for this long ends')),
    })
    .prefault({})
    .describe('rarely needed'),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('where editors find the JSON Schema; not read'),
  version: z.literal('1').describe('the version of this format, in quotes'),
  service: serviceSchema,
  authentication: z.array(authenticationSchema).default([]).describe('logins that sources and destinations share'),
  streams: z.array(streamSchema).default([]).describe('one entry for each stream'),
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
