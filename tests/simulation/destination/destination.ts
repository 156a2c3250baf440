import type { EncodedRow, Key } from '../../../src/core/model/change';
import type { Namespace } from '../../../src/core/model/namespace';
import type {
  Claim,
  ClaimRequest,
  Destination,
  DestinationTraits,
  RepairAsk,
} from '../../../src/core/ports/destination';
import type { Interval, RowBatch } from '../../../src/core/ports/source';
import type { Host } from '../host';
import type { Traits } from '../plan';
import { keyOfBytes } from '../rows';
import { pageOf } from '../source/source';
import type { Wire } from '../wire';
import { ListClaim } from './claim';
import type { DestinationServer } from './server';

/** What a stream of the simulation needs of a destination; the others belong to people and to verification. */
export type SimulatedDestination = Pick<Destination, 'traits' | 'claim' | 'rows' | 'fetch' | 'askRepairs'>;

/** How a process reaches the list-backed destination. */
export class ListDestination implements SimulatedDestination {
  constructor(
    private readonly server: DestinationServer,
    private readonly host: Host,
    private readonly wire: Wire,
    private readonly list: Traits,
  ) {}

  get traits(): DestinationTraits {
    return {
      kind: 'list',
      accepts: ['bson'],
      transactions: this.list.atomic === 'step',
      deltas: true,
      maxChanges: 8,
      maxBytes: 1_000,
    };
  }

  async claim({ epoch, lanes, expect }: ClaimRequest, signal: AbortSignal): Promise<Claim> {
    const { host, server, wire } = this;
    const make = (): void => {
      if (server.root !== null || expect === 'existing') return;
      server.root = { epoch: 0, lanes, lowWater: null, sequence: 0, barrier: null, repairs: 0 };
      for (let lane = 0; lane < lanes; lane += 1)
        server.lanes.set(lane, { epoch: 0, lane, sequence: 0, position: null, readAheadLimit: null });
    };
    await wire.call(host, 'ledger', make, { signal });
    return ListClaim.open(server, host, wire, epoch, signal);
  }

  async *rows(
    namespace: Namespace,
    interval: Interval,
    { batchSize }: { readonly batchSize: number },
    signal: AbortSignal,
  ): AsyncGenerator<RowBatch> {
    for (let { after } = interval; ;) {
      const page = { ...interval, after };
      const read = (): EncodedRow[] => pageOf(this.server.targets.get(namespace)?.rows, page, batchSize);
      const rows = await this.wire.call(this.host, 'target rows', read, { signal });
      if (rows.length === 0) return;
      after = keyOfBytes(rows.at(-1) as Buffer).bytes;
      yield { rows, bytes: 0, last: after };
    }
  }

  fetch(namespace: Namespace, keys: readonly Key[], signal: AbortSignal): Promise<ReadonlyMap<string, EncodedRow>> {
    const read = (): ReadonlyMap<string, EncodedRow> => {
      const rows = this.server.targets.get(namespace)?.rows;
      return new Map(keys.flatMap(({ id }) => (rows?.has(id) ? [[id, rows.get(id) as EncodedRow] as const] : [])));
    };
    return this.wire.call(this.host, 'target fetch', read, { signal });
  }

  askRepairs(_stream: string, asks: readonly RepairAsk[], signal: AbortSignal): Promise<void> {
    return this.wire.call(this.host, 'ask', () => this.server.ask(asks), { signal });
  }
}
