import { THEN_RESUME, type ErrorKind } from '../../core/model/errors';

/** What an error means to a stream. */
export interface Meaning {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly text: string;
  readonly remedy: string;
  /** What follows in a stream that waits for it. */
  readonly then?: string;
}

const meanings: readonly (readonly [
  codes: readonly number[],
  kind: ErrorKind,
  code: string,
  text: string,
  remedy: string,
  then?: string,
])[] = [
  // Who one is, and what one may do.
  [
    [18, 11, 31, 214, 334, 337, 8000],
    'needs_attention',
    'authentication_failed',
    'the login was refused',
    'Check user name, password, auth_source and mechanism of the auth_id, or user name, password, authSource and authMechanism of the connection string.',
    THEN_RESUME,
  ],
  [
    [13],
    'needs_attention',
    'unauthorized',
    'the user lacks a privilege',
    'Grant the user what it lacks: `read` on what is followed and on `local` at the source, `readWrite` and `dbAdmin` on what is written and on the ledger database at the destination.',
    '`config check --connect` lists what is missing. Then resume the stream.',
  ],
  [[391], 'retry', 'reauthentication', 'the server wants a new login', ''],

  // The way to the server, and its role.
  [
    [6, 7, 71, 74, 89, 141, 145, 149, 172, 199, 230, 279, 317, 384, 9001, 56846],
    'retry',
    'not_reachable',
    'the connection failed',
    'Check that the server runs, and that it can be reached from the machine that says so.',
  ],
  [
    [70, 91, 94, 133, 134, 164, 189, 216, 234, 281, 333, 372, 10058, 10107, 11600, 11602, 13435, 13436],
    'retry',
    'not_primary',
    'the server is not the primary just now',
    'Nothing to do during an election; otherwise check the replica set.',
  ],
  [
    [43, 63, 90, 136, 143, 150, 175, 222, 228, 237, 249, 250, 346, 379, 11601, 13388, 46841],
    'retry',
    'interrupted',
    'the operation was interrupted',
    '',
  ],
  [[50, 202, 262, 342], 'retry', 'time_limit', 'the operation took longer than the server allows', ''],
  [
    [208, 261, 264, 365, 388, 462, 16500],
    'retry',
    'throttled',
    'the server limits the rate, or has no room',
    'Give the server more throughput, or the stream fewer lanes.',
  ],
  [
    [
      24, 46, 112, 117, 215, 221, 239, 244, 246, 251, 267, 272, 276, 282, 285, 287, 290, 311, 314, 319, 338, 12586,
      12587, 50915,
    ],
    'retry',
    'conflict',
    'another operation was in the way',
    '',
  ],
  [
    [371],
    'retry',
    'writes_blocked',
    'the server takes no writes of users just now',
    'setUserWriteBlockMode is on, as tools that migrate clusters set it: the stream goes on when it is off.',
  ],
  [
    [64, 79, 100],
    'retry',
    'write_concern',
    'the write is not known to be durable on a majority',
    'Check that a majority of the voting members is up and keeps up.',
  ],
  [
    [14031],
    'retry',
    'out_of_space',
    'the server is out of disk space',
    'Free or add disk space; the stream goes on by itself.',
  ],
  [
    [1, 8, 39, 42, 96, 125],
    'retry',
    'server_error',
    'the server answered with an error',
    'If this repeats, look up the number in the log of the server.',
  ],
  [
    [127, 269, 270, 288, 301],
    'needs_attention',
    'server_damaged',
    'the server says that its data are damaged',
    'Repair or restore the server (its own log tells more), then copy again where rows are missing: `streams restart ID --from snapshot`.',
    'Where none are, resume the stream.',
  ],

  // The history of the source.
  [
    [120, 138, 286, 326],
    'needs_attention',
    'history_lost',
    'the position is older than what the source remembers',
    'Make the oplog larger, then `streams restart ID --from snapshot`: it copies again and repairs, deletes included.',
  ],
  [
    [260, 280],
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

  // One change.
  [
    [84, 359, 11000, 11001, 12582],
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
    [116, 257, 10003, 10334, 13548, 17419, 17420],
    'poison',
    'too_large',
    'the row is larger than the server takes',
    'Make the row smaller, or exclude the collection.',
  ],
  [[28, 29, 40], 'poison', 'delta_refused', 'a delta does not fit its row', ''],
  [[66], 'poison', 'immutable_field', 'the write would change a field that must stay', ''],
  [
    [
      2, 9, 14, 15, 16, 22, 30, 35, 52, 53, 54, 55, 56, 57, 111, 171, 201, 241, 378, 13026, 13027, 16572, 16675, 16755,
      16804, 17261, 17262, 17280,
    ],
    'poison',
    'refused',
    'the server refuses this write',
    '',
  ],

  // A namespace.
  [
    [26],
    'needs_attention',
    'namespace_missing',
    'the namespace does not exist',
    'Create it again, or copy again: `streams restart ID --from snapshot`.',
    'Where it was created, resume the stream.',
  ],
  [
    [48, 72, 73, 227, 242, 13297],
    'needs_attention',
    'invalid_namespace',
    'the server refuses the name or its options',
    'Rename it with `namespaces` in the destination.',
    'Then apply and resume.',
  ],
  [
    [165, 166, 167, 169],
    'needs_attention',
    'not_a_collection',
    'the namespace is a view',
    'Rename the view at the destination, or give the namespace another name with `namespaces`.',
    THEN_RESUME,
  ],
  [
    [61, 283],
    'needs_attention',
    'shard_key',
    'the target is sharded by another key than _id, which statements do not name',
    'Make the target anew, unsharded or sharded by _id, or give the namespace another name with `namespaces`.',
    THEN_RESUME,
  ],
  [
    [27, 67, 68, 85, 86, 181, 197, 370],
    'needs_attention',
    'index_refused',
    'the server refuses an index',
    'Make or drop the index at the destination by hand; `streams finalize ID` names what is missing.',
  ],
  [
    [361],
    'needs_attention',
    'replaced',
    'the collection is not the one that it was',
    'The namespace has to be copied again, which the stream does by itself when it goes on.',
    THEN_RESUME,
  ],
  [[206, 225], 'fenced', 'fenced', 'a later writer has taken over', ''],

  // The kind of server.
  [
    [20, 263],
    'needs_attention',
    'not_allowed',
    'the server does not allow this here',
    'Is the target a capped collection, which MongoDB does not write in a transaction? Drop it, so that it is made plain. Is the server no replica set? Start it with --replSet, and run rs.initiate() once.',
    THEN_RESUME,
  ],
  [
    [76, 123, 40573],
    'needs_attention',
    'not_a_replica_set',
    'the server is not part of a replica set',
    'Start it with --replSet and run rs.initiate() once; one member is enough.',
    THEN_RESUME,
  ],
  [
    [59, 115, 148, 168, 188, 224, 235, 238, 258, 322, 323, 324, 347, 352, 40324],
    'needs_attention',
    'unsupported',
    'the server lacks a command that is needed',
    'Use a server of a version that has it: MongoDB 4.2 or later as source, 4.4 or later as destination.',
    THEN_RESUME,
  ],
  [
    [17, 233, 40414, 40415, 50768],
    'bug',
    'unexpected',
    'the server does not understand what it was asked',
    'Report it, with the number and the version of the server.',
    'Resuming the stream tries again.',
  ],
];

/** The first row that names a code decides. */
export const SERVER_CODES: ReadonlyMap<number, Meaning> = (() => {
  const map = new Map<number, Meaning>();
  for (const [codes, kind, code, text, remedy, then] of meanings)
    for (const number of codes)
      if (!map.has(number)) map.set(number, { kind, code, text, remedy, ...(then !== undefined && { then }) });
  return map;
})();
