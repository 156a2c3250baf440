import { flowsInto, includes, sourceArea, targetArea, type Area } from './area';
import { splitNamespace } from '../replication/namespace';
import { deploymentKey } from './connection-string';
import type { Found, Path } from './problem';
import type { StreamConfig } from './schema';

/** A stream that has passed its own checks, and where it stands. */
export interface Placed {
  readonly at: Path;
  readonly stream: StreamConfig;
}

interface Flow extends Placed {
  readonly from: Area;
  readonly into: Area;
}

function checkSelf({ at, from, into }: Flow): readonly Found[] {
  if (!flowsInto(into, from)) return [];
  const path = [...at, 'destination'];
  const remedy =
    'choose another database: destination.database, or destination.namespaces to rename; ' +
    'where the target must lie beside the source, keep it out with source.exclude';
  return [{ path, message: 'is followed by the source, so that the stream would copy its own writes', remedy }];
}

/** A ledger is no data: it must not be copied by any stream that follows the deployment that it lies in. */
function checkLedgers(flows: readonly Flow[]): readonly Found[] {
  return flows.flatMap(({ at, stream }) => {
    const ledger = stream.destination.options.ledger_database;
    const deployment = deploymentKey(stream.destination.connection_string);
    const reader = flows.find(
      ({ from }) => from.deployment === deployment && includes(from, { database: ledger, collection: '*' }),
    );
    if (reader === undefined) return [];
    return [
      {
        path: [...at, 'destination', 'options', 'ledger_database'],
        message: `is followed by the stream "${reader.stream.id}"`,
        remedy: `leave the default, or exclude "${ledger}.*" in "${reader.stream.id}"`,
      },
    ];
  });
}

/** Nor must refused changes be copied, by this stream or another one. */
function checkLetters(flows: readonly Flow[]): readonly Found[] {
  return flows.flatMap(({ at, stream }) => {
    const letters = stream.error_handling.dead_letter_destination;
    if (letters === undefined) return [];
    const deployment = deploymentKey(stream.destination.connection_string);
    const name = splitNamespace(letters);
    const reader = flows.find(
      (flow) => (flow.stream === stream || flow.from.deployment === deployment) && includes(flow.from, name),
    );
    if (reader === undefined) return [];
    return [
      {
        path: [...at, 'error_handling', 'dead_letter_destination'],
        message: `is followed by the stream "${reader.stream.id}"`,
        remedy: `leave the default, or exclude "${letters}" in "${reader.stream.id}"`,
      },
    ];
  });
}

/** The shortest way from a stream back to itself over other streams. */
function wayBack(start: Flow, flows: readonly Flow[]): readonly Flow[] | null {
  const queue: (readonly Flow[])[] = [[start]];
  const seen = new Set<Flow>();
  for (let way = queue.shift(); way !== undefined; way = queue.shift()) {
    const last = way.at(-1) ?? start;
    for (const next of flows) {
      if (next === last || !flowsInto(last.into, next.from)) continue;
      if (next === start) return way;
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push([...way, next]);
    }
  }
  return null;
}

function checkCycles(flows: readonly Flow[]): readonly Found[] {
  const reported = new Set<Flow>();
  return flows.flatMap((flow) => {
    const way = reported.has(flow) ? null : wayBack(flow, flows);
    if (way === null) return [];
    for (const member of way) reported.add(member);
    const names = [...way, flow].map(({ stream }) => stream.id).join(' → ');
    return [
      {
        path: flow.at,
        message: `is part of a cycle, in which changes would go round for ever: ${names}`,
        remedy: 'disable one of these streams, or let them follow different collections',
      },
    ];
  });
}

/** What can only be said about streams together, and about the way a stream's rows go. */
export function checkFlow(streams: readonly Placed[]): readonly Found[] {
  const flows = streams.map((placed): Flow => ({
    ...placed,
    from: sourceArea(placed.stream),
    into: targetArea(placed.stream),
  }));
  const enabled = flows.filter(({ stream }) => stream.enabled);
  return [...flows.flatMap(checkSelf), ...checkLedgers(enabled), ...checkLetters(enabled), ...checkCycles(enabled)];
}
