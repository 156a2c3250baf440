import type { Act, Fault, FaultKind, Held, Plan, SchemaWork, Side, Work } from './plan';
import { Random } from './random';

/** How a fault of each kind is made. Faults of a round begin at times of their own and may overlap. */
const MAKERS: { readonly [K in FaultKind]: (random: Random) => Omit<Extract<Fault, { kind: K }>, 'atMs' | 'kind'> } = {
  worker_kill: (r) => ({ restartAfterMs: r.pick([0, 300, 1500]) }),
  worker_term: (r) => ({ restartAfterMs: r.pick([0, 500]) }),
  worker_kill_behind: (r) => ({ slowMs: r.between(300, 800) }),
  worker_freeze: (r) => ({ ms: r.between(5500, 7500), during: r.pick(HELD) }),
  worker_takeover: () => ({}),
  temporal_partition: (r) => ({ ms: r.between(5000, 7000), during: r.pick(HELD) }),
  temporal_kill: (r) => ({ signal: r.pick(['SIGKILL', 'SIGKILL', 'SIGTERM']), downMs: r.between(100, 2500) }),
  server_kill: (r) => ({
    side: side(r),
    signal: r.pick(['SIGKILL', 'SIGKILL', 'SIGTERM']),
    downMs: r.between(0, 2000),
  }),
  cut: (r) => ({ side: side(r), times: r.between(1, 4) }),
  reset: (r) => ({ side: side(r), times: r.between(1, 4) }),
  half_close: (r) => ({ side: side(r), times: r.between(1, 2) }),
  delay: (r) => ({ side: side(r), ms: r.between(1500, 3500), delayMs: r.between(20, 250) }),
  slow_steps: (r) => ({ ms: r.between(3000, 6000), fullStepMs: r.pick([3000, 10_000, 30_000]) }),
  drop_reply: (r) => {
    const at = r.pick<Side>(['destination', 'destination', 'source']);
    return { side: at, commands: r.pick(REPLIES[at]), times: r.between(1, 4) };
  },
  truncate: (r) => {
    const at = r.pick<Side>(['destination', 'destination', 'source']);
    return { side: at, commands: r.pick(REQUESTS[at]), times: r.between(1, 3) };
  },
  late_delivery: () => ({}),
  refuse: (r) => {
    const at = side(r);
    const [commands, codes] = r.pick(REFUSALS[at]);
    return { side: at, commands, code: r.pick(codes), ms: r.between(300, 2500) };
  },
  write_concern: (r) => ({ code: r.pick([64, 91, 100, 11602]), ms: r.between(300, 1500) }),
  history_error: () => ({}),
  clock_jump: (r) => ({
    offsetMs: r.pick([-86_400_000, -3_600_000, -60_000, 60_000, 3_600_000, 86_400_000]),
    ms: r.between(1500, 4000),
  }),
  pause: (r) => ({ ms: r.between(100, 1500) }),
  continue_as_new: () => ({}),
  reconfigure: (r) => ({ lanes: r.pick([1, 2, 3, 5, 8]), batchSize: r.pick([10, 20, 200, 1000]) }),
  add_collections: () => ({}),
};

export const FAULT_KINDS = Object.keys(MAKERS) as readonly FaultKind[];

const side = (random: Random): Side => random.pick(['source', 'destination']);

const HELD: readonly Held[] = ['pump', 'pump', 'pump', 'anything'];

const REPLIES: Record<Side, readonly (readonly string[])[]> = {
  destination: [['commitTransaction'], ['commitTransaction', 'update', 'insert', 'delete'], ['update'], ['insert']],
  source: [['getMore'], ['find', 'aggregate'], ['getMore', 'find']],
};

const REQUESTS: Record<Side, readonly (readonly string[])[]> = {
  destination: [['update', 'insert', 'delete'], ['commitTransaction'], ['insert'], ['update']],
  source: [['getMore'], ['find'], ['aggregate']],
};

const NOT_PRIMARY = [91, 189, 10107, 11600, 11602, 13435, 13436];

/** Answers that a stream is bound to survive by itself. They come instead of what was asked for. */
const REFUSALS: Record<Side, readonly (readonly [commands: readonly string[], codes: readonly number[]])[]> = {
  destination: [
    [
      ['update', 'insert', 'delete'],
      [...NOT_PRIMARY, 112, 14031, 50],
    ],
    [['commitTransaction'], NOT_PRIMARY],
    [['find'], [...NOT_PRIMARY, 6, 7]],
  ],
  source: [
    // An interrupted cursor, a resume token that is not understood, an election.
    [['getMore'], [43, 136, 175, 237, 11601, 280, ...NOT_PRIMARY]],
    [
      ['aggregate', 'find'],
      [...NOT_PRIMARY, 6, 89],
    ],
  ],
};

/** Kinds that need changes under way, so they must not begin before the stream does more than to copy. */
const STREAMING = new Set<FaultKind>(['worker_kill_behind', 'late_delivery', 'history_error', 'write_concern']);

/** Faults take place in here; the workload goes on for as long. */
const STAGE_MS = 11_000;

export interface GenerateOptions {
  /** Kinds that the faults are taken from; with `all`, one fault of each. */
  readonly kinds?: readonly FaultKind[];
  readonly all?: boolean;
}

/** The same seed and options give the same plan. */
export function generate(seed: number, { kinds = FAULT_KINDS, all = false }: GenerateOptions = {}): Plan {
  const random = new Random(seed);
  const settings = {
    seed,
    updates: random.chance(0.25) ? ('row' as const) : ('delta' as const),
    lanes: random.pick([1, 2, 4, 4, 6]),
    batchSize: random.pick([20, 50, 300, 1000]),
    copyParallelism: random.pick([1, 2, 4]),
    workers: random.chance(0.25) ? 2 : 1,
  };
  const before = actsBefore(new Random(random.seed()));
  const during = actsDuring(new Random(random.seed()));
  const faults = faultsOf(new Random(random.seed()), kinds, all);
  // Drawn last, and beside the rest: what a seed gave before, it gives still.
  const more = new Random(random.seed());
  const uniqueIndexes = more.chance(0.5) ? ('in_force' as const) : ('hold' as const);
  const acts = { before: joined(before, more), during: joined(during, more) };
  // With rows that are read late nothing more is judged in step.
  const pastOverlap = more.chance(0.6) && settings.updates === 'delta';
  return { ...settings, uniqueIndexes, ...acts, inStep: pastOverlap, faults };
}

/** More works beside those of the acts that have any. */
const joined = (acts: readonly Act[], random: Random): Act[] =>
  acts.map(({ ms, works }) => ({
    ms,
    works: works.length === 0 ? works : [...works, ...maybe(random, 0.5, rotate), ...maybe(random, 0.3, collMod)],
  }));

function faultsOf(random: Random, kinds: readonly FaultKind[], all: boolean): Fault[] {
  const chosen = all ? kinds : random.shuffled(kinds).slice(0, Math.min(kinds.length, random.between(2, 4)));
  return chosen
    .map((kind) => {
      const earliest = STREAMING.has(kind) ? 4000 : 200;
      const atMs = random.between(earliest, STAGE_MS - 1000);
      return { kind, atMs, ...MAKERS[kind](random) } as Fault;
    })
    .sort((a, b) => a.atMs - b.atMs);
}

const burst = (random: Random): Work => ({ do: 'burst', seed: random.seed(), writes: random.between(2000, 4000) });

const mixed = (random: Random, ms: number): Work => ({
  do: 'mixed',
  seed: random.seed(),
  ms,
  perSecond: random.pick([40, 120, 250]),
});

const rotate = (random: Random): Work => ({ do: 'rotate', seed: random.seed(), moves: random.between(3, 12) });

const collMod = (random: Random): Work => ({ do: 'schema', seed: random.seed(), kind: 'coll_mod' });

const SCHEMA: readonly SchemaWork[] = [
  'create',
  'create',
  'drop',
  'rename',
  'rename',
  'rename_onto',
  'rename_onto',
  'drop_database',
  'create_index',
  'drop_index',
  'recreate',
  'recreate',
];

const schema = (random: Random): Work => ({ do: 'schema', seed: random.seed(), kind: random.pick(SCHEMA) });

/** What the copy meets: enough that writes and faults fall into it. */
function actsBefore(random: Random): Act[] {
  return [
    { ms: 0, works: [burst(random), mixed(random, 300), { do: 'reinsert', seed: random.seed(), rounds: 1 }] },
    { ms: 0, works: [burst(random), ...(random.chance(0.5) ? [schema(random)] : [])] },
  ];
}

function actsDuring(random: Random): Act[] {
  // The copy: writes from its first moment on.
  const acts: Act[] = [{ ms: 0, works: [mixed(random, 2500), burst(random), ...maybe(random, 0.3, schema)] }];
  for (let ms = 2500; ms < STAGE_MS;) {
    const act = actOf(random);
    acts.push(act);
    ms += Math.max(act.ms, 400);
  }
  return acts;
}

function actOf(random: Random): Act {
  const ms = random.between(600, 1800);
  switch (
    random.pick([
      'work',
      'work',
      'work',
      'work',
      'burst',
      'burst',
      'silence',
      'transactions',
      'schema',
      'schema',
      'large',
    ])
  ) {
    case 'work':
      return { ms, works: [mixed(random, ms), { do: 'reinsert', seed: random.seed(), rounds: random.between(1, 3) }] };
    case 'burst':
      return { ms: 0, works: [burst(random), ...maybe(random, 0.5, (r) => mixed(r, ms))] };
    case 'silence':
      return { ms, works: [] };
    case 'transactions':
      return {
        ms,
        works: [{ do: 'transactions', seed: random.seed(), count: random.between(3, 20) }, mixed(random, ms)],
      };
    case 'schema':
      return { ms, works: [mixed(random, ms), schema(random), ...maybe(random, 0.3, schema)] };
    default:
      return {
        ms,
        works: [{ do: 'large', seed: random.seed(), bytes: random.pick([1, 5, 15.9]) * 2 ** 20 }, mixed(random, ms)],
      };
  }
}

const maybe = (random: Random, probability: number, make: (random: Random) => Work): Work[] =>
  random.chance(probability) ? [make(random)] : [];

/** Kinds of faults for rounds that together have them all. */
export function dealt(seed: number, rounds: number): FaultKind[][] {
  const hands = Array.from({ length: rounds }, (): FaultKind[] => []);
  new Random(seed).shuffled(FAULT_KINDS).forEach((kind, index) => hands[index % rounds]?.push(kind));
  return hands;
}
