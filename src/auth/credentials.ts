import type { Secret } from '../config/secret';

/** What a connector needs to log in, resolved from references in the worker that needs it. */
export interface Credentials {
  readonly connectionString: Secret;
  readonly login?: {
    readonly username: string;
    readonly password: Secret;
    readonly authSource: string;
    readonly mechanism?: 'SCRAM-SHA-256' | 'SCRAM-SHA-1';
  };
  readonly tls?: {
    readonly caFile?: string;
    readonly certificateKeyFile?: string;
    readonly allowInvalidCertificates: boolean;
  };
}
