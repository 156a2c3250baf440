export interface MongoCredentials {
  readonly username: string;
  readonly password: string;
}

export interface MongoOptions {
  /** Where the data stays; left out, it is removed with the server. */
  readonly storagePath?: string;
  readonly port?: number;
  /** Start with access control and this user, who may do everything. */
  readonly auth?: MongoCredentials;
  /** No replica set: what a stream cannot use, to see that it says so. */
  readonly standalone?: boolean;
  /** No acknowledged write is lost by SIGKILL. MongoDB itself promises that always. */
  readonly syncOnCommit?: boolean;
  /** `configureFailPoint` and its like. */
  readonly testCommands?: boolean;
  /** Limits of the history; only the embedded server has them, so they rule the others out. */
  readonly oplogMaxEntries?: number;
  readonly oplogRetentionSeconds?: number;
  /** The same where the server is an embedded one, and nothing where it is another: it reads its whole history for a question about it. */
  readonly embeddedOplogMaxEntries?: number;
  readonly sessionMax?: number;
  /** With a unit: `512M`, `2G`. */
  readonly cacheSize?: string;
  readonly noopHeartbeatSeconds?: number;
  /** `fast`: the compiled embedded server, for benchmarks and chaos; building it takes minutes, once. */
  readonly variant?: 'default' | 'fast';
  /** Not MongoDB itself, even where there is one. */
  readonly onlyEmbedded?: boolean;
  /** Start one even when an address is in the environment: it is going to be killed. */
  readonly own?: boolean;
  /** Gives up starting it. */
  readonly signal?: AbortSignal;
  /** The variable that may hold the address of a running server. */
  readonly addressVariable?: string;
}

export const DEFAULT_ADDRESS_VARIABLE = 'TRIBUTARY_TEST_MONGODB_URI';
