import type { MongoClient } from 'mongodb';
import { ReplicationError, THEN_RESUME } from '../../core/model/errors';
import { classify } from './errors';
import { probe } from './probe';
import { causeOf, systemCall, systemCode } from './unreachable';

type Role = 'source' | 'destination';

/** The files that the options name are read when the client connects. */
function fileFailure(error: unknown, role: Role): ReplicationError | null {
  if (!/^(?:open|read)$/u.test(systemCall(error))) return null;
  return new ReplicationError('needs_attention', {
    code: 'invalid_connection',
    message: `${role}: a certificate file cannot be read (${systemCode(error) ?? 'unreadable'})`,
    remedy:
      'Make the files readable that tlsCAFile and tlsCertificateKeyFile name (ca_file and certificate_key_file of the auth_id).',
    then: `Every worker needs them. ${THEN_RESUME}`,
  });
}

/** The name service answers for `mongodb+srv://` before any server is tried. */
function srvFailure(client: MongoClient, error: unknown, role: Role): ReplicationError | null {
  if (!/^query(?:Srv|Txt)$/u.test(systemCall(error))) return null;
  const cause = causeOf(error);
  return new ReplicationError('retry', {
    code: 'not_reachable',
    message: `${role}: ${client.options.srvHost ?? 'the host'} ${cause?.text ?? 'has no SRV records that can be read'} (mongodb+srv)`,
    remedy: cause?.remedy ?? 'Check the host name and the name service.',
  });
}

/** Why a client did not come to connect, with the host, its cause, and what a second question to the host tells. */
export async function connectFailure(client: MongoClient, error: unknown, role: Role): Promise<ReplicationError> {
  const known = fileFailure(error, role) ?? srvFailure(client, error, role);
  if (known !== null) return known;
  const plain = classify(error, { role });
  const cause = await probe(client, error);
  if (cause === null) return plain;
  const { kind, code } = plain;
  return new ReplicationError(kind, {
    code,
    message: `${role}: ${cause.text}`,
    remedy: cause.remedy,
    cause: plain.cause,
  });
}
