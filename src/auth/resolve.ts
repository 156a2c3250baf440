import { belongsTo, connectionFor, connectionOf } from '../connectors/connections';
import { resolveReferences, type ReferenceSources } from '../config/reference';
import type { AuthenticationConfig, StreamSpec } from '../config/schema';
import { ReplicationError } from '../core/model/errors';
import type { Credentials } from './credentials';

export type Side = 'source' | 'destination';

function login({ config }: AuthenticationConfig, sources: ReferenceSources): Omit<Credentials, 'connectionString'> {
  const { tls, mechanism } = config;
  const text = (value: string): string => resolveReferences(value, sources).reveal();
  return {
    login: {
      username: text(config.username),
      password: resolveReferences(config.password, sources),
      authSource: config.auth_source,
      ...(mechanism === undefined ? {} : { mechanism }),
    },
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(tls.ca_file === undefined ? {} : { caFile: text(tls.ca_file) }),
            ...(tls.certificate_key_file === undefined ? {} : { certificateKeyFile: text(tls.certificate_key_file) }),
            allowInvalidCertificates: tls.allow_invalid_certificates,
          },
        }),
  };
}

/** Resolves the references of one side, in the worker that needs them. Rejects with `reference_unresolved`. */
export function resolveCredentials(spec: StreamSpec, side: Side, sources: ReferenceSources = {}): Credentials {
  const { type, connection_string: setting, auth_id: id } = spec.stream[side];
  const connection = connectionFor(type);
  const connectionString = connection.resolve(setting, sources);
  if (!belongsTo(connection, connectionString.reveal())) {
    const begins = connection.schemes.map((scheme) => `${scheme}://`).join(' or ');
    throw new ReplicationError('needs_attention', {
      code: 'connection_string_invalid',
      message: `the ${side}'s connection string ${connection.redact(setting)} does not resolve to one`,
      remedy: `it must begin with ${begins}`,
    });
  }
  const entry = spec.authentication.find((other) => other.id === id);
  if (id !== undefined && entry === undefined) {
    throw new ReplicationError('needs_attention', {
      code: 'login_missing',
      message: `the ${side} names the login "${id}", which the workflow's input does not hold`,
      remedy: 'apply the configuration again, or add the entry to "authentication" of the input',
    });
  }
  return { connectionString, ...(entry === undefined ? {} : login(entry, sources)) };
}

const deploymentOf = (setting: string): string => connectionOf(setting).deployment(setting);

/** Whether both sides surely name one deployment; what references hide is only known here. */
export const sameDeployment = (a: Credentials, b: Credentials): boolean =>
  deploymentOf(a.connectionString.reveal()) === deploymentOf(b.connectionString.reveal());
