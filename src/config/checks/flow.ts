import { flowsInto, includes, sourceArea, targetArea, type Area } from './area';
import { splitNamespace } from '../../core/model/namespace';
import { cycles } from './cycles';
import type { Found, Path } from './problem';
import { Readers } from './readers';
import type { StreamConfig } from '../schema';

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

/** Streams that follow something, and an index of who follows what. */
interface Followed {
  readonly flows: readonly Flow[];
  readonly readers: Readers<Flow>;
}

/** The first in the order of the file. */
const first = (found: ReadonlySet<Flow>, flows: readonly Flow[]): Flow | undefined =>
  found.size === 0 ? undefined : flows.find((flow) => found.has(flow));

/** A ledger is no data: it must not be copied by any stream that follows the deployment that it lies in. */
function checkLedgers({ flows, readers }: Followed): readonly Found[] {
  const known = new Map<string, Flow | undefined>();
  return flows.flatMap(({ at, stream, into: { deployment } }) => {
    const ledger = stream.destination.options.ledger_database;
    const place = JSON.stringify([deployment, ledger]);
    if (!known.has(place))
      known.set(place, first(readers.of(deployment, { database: ledger, collection: '*' }), flows));
    const reader = known.get(place);
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

/** Nor must dead letters be copied, by this stream or another one. */
function checkDeadLetters({ flows, readers }: Followed): readonly Found[] {
  return flows.flatMap((flow) => {
    const letters = flow.stream.error_handling.dead_letter_destination;
    if (letters === undefined) return [];
    const name = splitNamespace(letters);
    const reader = includes(flow.from, name) ? flow : first(readers.of(flow.into.deployment, name), flows);
    if (reader === undefined) return [];
    return [
      {
        path: [...flow.at, 'error_handling', 'dead_letter_destination'],
        message: `is followed by the stream "${reader.stream.id}"`,
        remedy: `leave the default, or exclude "${letters}" in "${reader.stream.id}"`,
      },
    ];
  });
}

function checkCycles({ flows, readers }: Followed): readonly Found[] {
  const leads = new Map(
    flows.map((flow) => {
      const next = flow.into.parts.flatMap((part) => [...readers.of(flow.into.deployment, part)]);
      return [flow, new Set(next.filter((other) => other !== flow))];
    }),
  );
  return cycles(flows, leads).map((way) => {
    const names = [...way, ...way.slice(0, 1)].map(({ stream }) => stream.id).join(' → ');
    return {
      path: way[0]?.at ?? [],
      message: `is part of a cycle, in which changes would go round for ever: ${names}`,
      remedy: 'disable one of these streams, or let them follow different collections',
    };
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
  const followed = { flows: enabled, readers: new Readers(enabled.map((flow) => [flow, flow.from] as const)) };
  return [
    ...flows.flatMap(checkSelf),
    ...checkLedgers(followed),
    ...checkDeadLetters(followed),
    ...checkCycles(followed),
  ];
}
