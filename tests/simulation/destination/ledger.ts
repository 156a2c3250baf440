import type { Ledger, Parked } from '../../../src/core/ports/destination';
import type { NamespaceRecord } from './records';
import type { DestinationServer } from './server';

export function parkedOf({ namespaces }: DestinationServer): Parked[] {
  return [...namespaces.values()].flatMap(({ source, parked }) => (parked ? [{ namespace: source, ...parked }] : []));
}

/** What a claim reads once every record is its own. */
export function ledgerOf(server: DestinationServer, epoch: number): Ledger {
  const { root, namespaces, targets } = server;
  const records = [...namespaces.values()];
  const isReplaced = ({ source, identity, unfollowed, parked }: NamespaceRecord): boolean =>
    identity !== null && !unfollowed && parked === null && targets.get(source)?.identity !== identity;
  return {
    epoch,
    lowWater: root?.lowWater ?? null,
    sequence: root?.sequence ?? 0,
    lanes: [...server.lanes.values()]
      .filter(({ lane }) => lane < (root?.lanes ?? 0))
      .sort((a, b) => a.lane - b.lane)
      .map((lane) => ({ ...lane })),
    barrier: root?.barrier ?? null,
    ranges: server.openRanges,
    replaced: records.filter(isReplaced).map(({ source }) => source),
    known: records.map(({ source }) => source),
    unfollowed: records.filter(({ unfollowed }) => unfollowed).map(({ source }) => source),
    parked: parkedOf(server),
  };
}
