import type { Json } from '../../model/position';
import type { RecordOp, StateRecord } from '../../ports/state-store';
import type { LedgerContext } from './context';
import type { Positions } from './positions';
import { following, remove, replace, type Codec, type PutOp } from './records';
import type { Root } from '../root';

/** How a record is to be; what is left out stays as it is. */
export interface Put {
  readonly key: string;
  readonly encode: (positions: Positions, needs: RecordOp[]) => Json;
  readonly generation?: number;
  readonly native?: Json;
}

export const put = <T>(key: string, codec: Codec<T>, value: T, rest: Pick<Put, 'generation' | 'native'> = {}): Put => ({
  key,
  encode: (positions, needs) => codec.encode(value, positions, needs),
  ...rest,
});

/** Records that the claim owns, as it read them and as it has left them since. They have no bodies. */
export class OwnRecords {
  readonly #records: Map<string, StateRecord>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly context: LedgerContext,
    private readonly root: Root,
    records: readonly StateRecord[],
  ) {
    this.#records = new Map(records.map((record) => [record.key, record]));
  }

  get(key: string): StateRecord | undefined {
    return this.#records.get(key);
  }

  /** In byte order of their keys. */
  under(prefix: string): readonly StateRecord[] {
    return [...this.#records.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  read<T>(record: StateRecord, codec: Codec<T>): T {
    return codec.decode(record.value, this.context.positions);
  }

  /** The write that makes a record be like this, for a step of the caller, who has to `note` it once it is written. */
  op({ key, encode, generation, native }: Put, needs: RecordOp[]): PutOp {
    const { epoch, positions } = this.context;
    const value = encode(positions, needs);
    const before = this.#records.get(key);
    const next = {
      ...(before ? following(before, epoch, value) : { key, epoch, sequence: 0, generation: 0, value }),
      ...(generation !== undefined && { generation }),
      ...(native !== undefined && { native }),
    };
    return before ? replace(before, next) : { op: 'put', expect: 'absent', next };
  }

  note(op: RecordOp): void {
    if (op.op === 'put') this.#records.set(op.next.key, op.next);
    else this.#records.delete(op.key);
  }

  /** Writes records, fenced. Not one step: what has to count at once is decided by one record. */
  write(make: () => readonly Put[], signal: AbortSignal): Promise<void> {
    return this.#inTurn((needs) => make().map((each) => this.op(each, needs)), signal);
  }

  /** Removes records, fenced; those that are not there are left out. */
  remove(keys: () => readonly string[], signal: AbortSignal): Promise<void> {
    return this.#inTurn(
      () =>
        keys()
          .flatMap((key) => this.#records.get(key) ?? [])
          .map(remove),
      signal,
    );
  }

  /** `make` is asked when every write before is finished: what it reads would be written over a record that has moved on. */
  #inTurn(make: (needs: RecordOp[]) => readonly RecordOp[], signal: AbortSignal): Promise<void> {
    const mine = this.#turn.then(async () => {
      await this.root.finish(signal);
      const needs: RecordOp[] = [];
      const owned = new Set(make(needs));
      await this.root.write([...needs, ...owned], signal, (op) => {
        if (owned.has(op)) this.note(op);
      });
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
