import type { Credentials } from '../auth/credentials';
import type { DestinationConfig, SourceConfig, StreamSpec } from '../config/schema';
import type { Clock } from '../core/ports/clock';
import type { ConnectorContext, Log } from '../core/ports/connector';
import type { Destination } from '../core/ports/destination';
import type { Meter } from '../core/pump/progress';
import type { Source } from '../core/ports/source';
import type { VerificationMeter } from './verification/meter';

/** What activities are made of; a worker gives the real ones. */
export interface ActivityDeps {
  openSource(config: SourceConfig, credentials: Credentials, context: ConnectorContext): Promise<Source>;
  openDestination(config: DestinationConfig, credentials: Credentials, context: ConnectorContext): Promise<Destination>;
  resolveCredentials(spec: StreamSpec, side: 'source' | 'destination'): Credentials;
  log(stream: string): Log;
  meter(spec: StreamSpec): Meter;
  /** Where verifications count; nowhere when left out. */
  verificationMeter?(spec: StreamSpec): VerificationMeter;
  /** Gauges of a stream that has no leg, for as long as they are of use; none when left out. */
  resting?(spec: StreamSpec, status: string, forMs: number): Pick<Meter, 'lag' | 'window'>;
  readonly clock: Clock;
}
