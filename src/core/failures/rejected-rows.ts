import type { Log } from '../ports/connector';
import type { Destination } from '../ports/destination';
import type { ReplicationError } from '../model/errors';
import type { Namespace } from '../model/namespace';
import { isCollision, MAX_DEAD_LETTERS, ofRow, tooMany, type ErrorPolicy } from './rejected-changes';
import type { RowBatch, Source } from '../ports/source';

export interface RejectedRowsContext {
  readonly stream: string;
  readonly source: Pick<Source, 'keyOf'>;
  readonly destination: Pick<Destination, 'askRepairs'>;
  readonly onError: ErrorPolicy['onError'];
  readonly log: Log;
}

/**
 * Rows of a copy that the destination refuses. What collides may be no fault of the row, because the rows of a copy are of no
 * one moment; and a dead letter has a place in the stream. So the stream is asked for such a row, and passes it by its own rules.
 */
export class RejectedRows {
  readonly #context: RejectedRowsContext;
  #passed = 0;

  constructor(context: RejectedRowsContext) {
    this.#context = context;
  }

  /** Both halves of a batch that is rejected; null where one row alone is. */
  halved({ rows, bytes }: RowBatch): readonly [RowBatch, RowBatch] | null {
    const middle = rows.length >> 1;
    const before = rows[middle - 1];
    const last = rows[rows.length - 1];
    if (before === undefined || last === undefined) return null;
    const { source } = this.#context;
    const head = rows.slice(0, middle);
    const headBytes = head.reduce((sum, row) => sum + row.length, 0);
    return [
      { rows: head, bytes: headBytes, last: source.keyOf(before).bytes },
      { rows: rows.slice(middle), bytes: bytes - headBytes, last: source.keyOf(last).bytes },
    ];
  }

  /** Before the copy passes the row, so that it is not forgotten; asking twice is asking once. */
  async pass(
    namespace: Namespace,
    { rows: [row] }: RowBatch,
    error: ReplicationError,
    signal: AbortSignal,
  ): Promise<void> {
    const { destination, log, onError, source, stream } = this.#context;
    if (row === undefined) throw error;
    const key = source.keyOf(row);
    if (onError === 'fail_stream' && !isCollision(error)) throw ofRow({ namespace, key }, error);
    this.#passed += 1;
    if (this.#passed > MAX_DEAD_LETTERS) throw tooMany();
    await destination.askRepairs(stream, [{ namespace, key, reason: 'copy' }], signal);
    log('warn', 'copy.row_rejected', { namespace, code: error.code, keyHash: key.hash.toString(16).padStart(8, '0') });
  }
}
