import type { ErrorKind } from '../replication/errors';

/** What an error means to a stream. */
export interface Meaning {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly text: string;
  readonly remedy: string;
}

const meanings: readonly (readonly [
  codes: readonly number[],
  kind: ErrorKind,
  code: string,
  text: string,
  remedy: string,
])[] = [
  [
    [18, 11, 8000],
    'needs_attention',
    'authentication_failed',
    'the login was refused',
    'Check user name, password, auth_source and mechanism of the auth_id (or of the connection string), then resume the stream.',
  ],
  [
    [13],
    'needs_attention',
    'unauthorized',
    'the user lacks a privilege',
    'Grant the privileges that `config check --connect` lists, then resume the stream.',
  ],
  [[391], 'retry', 'reauthentication', 'the server wants a new login', ''],
  [
    [6, 7, 89, 9001, 384],
    'retry',
    'not_reachable',
    'the connection failed',
    'Check that the server runs and is reachable from the worker.',
  ],
  [
    [91, 189, 10107, 13435, 13436, 11600, 11602, 133, 234, 70],
    'retry',
    'not_primary',
    'the server is not the primary just now',
    'Nothing to do during an election; otherwise check the replica set.',
  ],
  [[11601, 237, 43, 63, 150, 13388, 136, 175], 'retry', 'interrupted', 'the operation was interrupted', ''],
  [[50, 262, 202], 'retry', 'time_limit', 'the operation took longer than the server allows', ''],
  [
    [16500, 462],
    'retry',
    'throttled',
    'the server limits the rate',
    'Give the server more throughput, or the stream fewer lanes.',
  ],
  [[112, 24, 246, 239, 251, 244, 267, 290, 117], 'retry', 'conflict', 'another operation was in the way', ''],
  [
    [64, 100, 79],
    'retry',
    'write_concern',
    'the write is not known to be durable on a majority',
    'Check that a majority of the voting members is up and keeps up.',
  ],
  [
    [14031, 39],
    'retry',
    'out_of_space',
    'the server is out of disk space',
    'Free or add disk space; the stream goes on by itself.',
  ],
  [
    [286],
    'needs_attention',
    'history_lost',
    'the position is older than what the source remembers',
    'Make the oplog larger, then `streams restart ID --from snapshot`: it copies again and repairs, deletes included.',
  ],
  [
    [280, 260],
    'needs_attention',
    'invalid_position',
    'the source does not know the position',
    'Was the source replaced or restored? `streams restart ID --from snapshot` copies again.',
  ],
  [
    [47],
    'needs_attention',
    'image_missing',
    'a required image of a row is gone',
    'Use `updates: row`, or `streams restart ID --from snapshot`.',
  ],
  [
    [11000, 11001, 12582],
    'poison',
    'duplicate_key',
    'a unique index refuses the row',
    'Drop the unique index until the stream is finalized, or remove the row that is in the way.',
  ],
  [
    [121],
    'poison',
    'document_validation',
    'a validation rule refuses the row',
    'Grant bypassDocumentValidation to the user, or relax the rule.',
  ],
  [
    [10334, 17419, 17420, 13548, 10003],
    'poison',
    'too_large',
    'the row is larger than the server takes',
    'Make the row smaller, or exclude the collection.',
  ],
  [[28, 29, 40], 'poison', 'delta_refused', 'a delta does not fit its row', ''],
  [[66], 'poison', 'immutable_field', 'the write would change a field that must stay', ''],
  [[2, 9, 14, 52, 56, 57, 16755, 16804, 17280], 'poison', 'refused', 'the server refuses this write', ''],
  [
    [26],
    'needs_attention',
    'namespace_missing',
    'the namespace does not exist',
    'Create it again, or restart the stream from a snapshot.',
  ],
  [
    [73, 48, 72],
    'needs_attention',
    'invalid_namespace',
    'the server refuses the name or its options',
    'Rename it with `namespaces` in the destination.',
  ],
  [
    [361],
    'needs_attention',
    'displaced',
    'the collection is not the one that it was',
    'The namespace has to be copied again.',
  ],
  [[225, 206], 'fenced', 'fenced', 'a later writer has taken over', ''],
  [
    [20, 263],
    'needs_attention',
    'not_allowed',
    'the server does not allow this here',
    'Is the target a capped collection, which MongoDB does not write in a transaction? Drop it, so that it is made plain. Is the server no replica set? `config check --connect` tells.',
  ],
  [
    [40573, 76],
    'needs_attention',
    'not_a_replica_set',
    'the server is not part of a replica set',
    'Start it as a replica set (one member is enough).',
  ],
  [
    [59, 115, 238, 40324],
    'needs_attention',
    'unsupported',
    'the server lacks a command that is needed',
    'Use a server version that supports it; `config check --connect` names what is missing.',
  ],
];

/** The first row that names a code decides. */
export const SERVER_CODES: ReadonlyMap<number, Meaning> = (() => {
  const map = new Map<number, Meaning>();
  for (const [codes, kind, code, text, remedy] of meanings)
    for (const number of codes) if (!map.has(number)) map.set(number, { kind, code, text, remedy });
  return map;
})();
