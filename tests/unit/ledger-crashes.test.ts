import * as fc from 'fast-check';
import { ReplicationError } from '../../src/core/model/errors';
import type { Change } from '../../src/core/model/change';
import type { ClaimedLedger } from '../../src/core/ledger/ledger';
import type { LaneShare } from '../../src/core/ledger/lanes';
import { advance } from '../../src/core/ledger/low-water';
import type { StateRecord } from '../../src/core/ports/state-store';
import type { WriterTraits } from '../../src/core/ports/writer';
import { at, delta, row } from '../support/changes';
import { Crash, MemoryProcess } from '../support/connectors/memory/process';
import { MemoryServer } from '../support/connectors/memory/server';
import { LostAnswer } from '../support/connectors/memory/state-store';

const never = new AbortController().signal;
const CHANGES = 24;
const KEYS = 5;
const NAMESPACES = ['a.a', 'a.b', 'a.c'];

type Atomic = WriterTraits['atomic'];

type Action =
  | { readonly type: 'batch'; readonly size: number; readonly together: boolean; readonly advance: boolean }
  | { readonly type: 'layout'; readonly lanes: number }
  | { readonly type: 'plan'; readonly namespaces: readonly string[]; readonly ranges: number }
  | { readonly type: 'load'; readonly loader: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('batch' as const),
      size: fc.integer({ min: 1, max: 6 }),
      together: fc.boolean(),
      advance: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('layout' as const), lanes: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('plan' as const),
      namespaces: fc.uniqueArray(fc.constantFrom(...NAMESPACES), { minLength: 1, maxLength: 3 }),
      ranges: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('load' as const), loader: fc.integer({ min: 0, max: 2 }) }) },
);

/** What a process meets at its `at`th moment, before or after one of its calls. */
interface Fault {
  readonly at: number;
  readonly kind: 'crash' | 'freeze' | 'lost answer';
}

interface Life {
  readonly actions: readonly Action[];
  readonly fault: Fault;
  /** How long it is frozen after its successor has ended: less than its epoch is good for, or more. */
  readonly frozenMs: number;
}

const life: fc.Arbitrary<Life> = fc.record({
  actions: fc.array(action, { maxLength: 8 }),
  fault: fc.record({
    at: fc.integer({ min: 1, max: 120 }),
    kind: fc.constantFrom('crash' as const, 'freeze' as const, 'lost answer' as const),
  }),
  frozenMs: fc.constantFrom(0, 6_000),
});

interface Planned {
  readonly id: number;
  readonly namespaces: readonly string[];
  readonly ranges: number;
  confirmed: boolean;
}

/** A promise, and what resolves it. */
function signalled(): [Promise<void>, () => void] {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return [promise, resolve];
}

/** A list of changes, followed by one process after the other; each of them may die, freeze or lose an answer anywhere. */
class World {
  readonly server = new MemoryServer();
  readonly plans: Planned[] = [];
  readonly violations: string[] = [];
  /** The highest epoch whose claim has succeeded. */
  claimed = 0;
  now = 0;

  constructor(readonly atomic: Atomic) {
    for (let key = 0; key < KEYS; key++) this.server.rows('shop.orders').set(`k${key}`, Buffer.from(''));
    this.server.watch = (next, before) => this.#see(next, before);
  }

  #see(next: StateRecord, before: StateRecord | null): void {
    const { key, epoch, sequence } = next;
    if (before && (epoch < before.epoch || sequence < before.sequence)) this.violations.push(`${key} goes back`);
    const token = (record: StateRecord | null): number =>
      (record?.value as { lowWater?: { token: number } | null } | null)?.lowWater?.token ?? 0;
    if (key.endsWith(':root') && token(next) < token(before)) this.violations.push('the low water goes back');
    // What is new counts for nothing until a record names it, nor does a slot before it is fenced, nor lanes of another generation.
    const counts =
      before !== null && before.epoch > 0 && (!key.includes(':lane:') || next.generation === this.#generation);
    if (counts && epoch < this.claimed) this.violations.push(`${key} was written by epoch ${epoch}`);
  }

  get #generation(): number {
    return this.server.record('stream:s:root')?.generation ?? 0;
  }

  change(n: number): Change {
    return this.atomic === 'none' ? row(`k${n % KEYS}`, n) : delta(`k${n % KEYS}`, n);
  }

  process(fault: Fault | null): { process: MemoryProcess; frozen: Promise<void>; thaw: () => void } {
    let moment = 0;
    const [thawed, thaw] = signalled();
    const [frozen, freeze] = signalled();
    const process: MemoryProcess = new MemoryProcess(
      this.server,
      { atomic: this.atomic, idempotence: 'version' },
      {
        versionOf: ({ position }) => position.token as number,
        clock: { now: () => this.now, monotonic: () => this.now },
        idOf: (bytes) => bytes.toString('utf8'),
        interrupt: async (call, when) => {
          moment += 1;
          if (moment !== fault?.at) return;
          if (fault.kind === 'crash') process.crash();
          if (fault.kind === 'lost answer' && when === 'after' && (call === 'fence' || call === 'commit'))
            throw new LostAnswer();
          if (fault.kind !== 'freeze') return;
          freeze();
          await thawed;
        },
      },
    );
    return { process, frozen, thaw };
  }

  async run(ledger: ClaimedLedger, actions: readonly Action[]): Promise<void> {
    const progress = new Progress(this, ledger);
    for (const each of actions) await progress.do(each);
  }
}

/** What one claim does. */
class Progress {
  #next: number;

  constructor(
    private readonly world: World,
    private readonly ledger: ClaimedLedger,
  ) {
    this.#next = ((ledger.lowWater?.token as number | undefined) ?? 0) + 1;
  }

  async do(each: Action): Promise<void> {
    switch (each.type) {
      case 'batch':
        return this.#batch(each);
      case 'layout':
        await this.#level();
        await this.ledger.lanes.layout(each.lanes, null, never);
        return;
      case 'plan':
        return this.#plan(each);
      case 'load':
        return this.#load(each.loader);
    }
  }

  async #batch({ size, together, advance: moves }: Action & { type: 'batch' }): Promise<void> {
    const end = Math.min(CHANGES, this.#next + size - 1);
    const records = this.ledger.laneRecords;
    const shares = records.flatMap(({ lane, sequence, position }): LaneShare[] => {
      const applied = (position?.token as number | undefined) ?? 0;
      const numbers = Array.from({ length: end - this.#next + 1 }, (_, i) => this.#next + i);
      const mine = numbers.filter((n) => (n % KEYS) % records.length === lane && n > applied);
      const changes = mine.map((n) => this.world.change(n));
      if (changes.length === 0) return [];
      return [{ lane, expected: sequence, part: { type: 'part', changes, mode: 'new' }, position: at(end) }];
    });
    const [first, ...more] = shares;
    if (first && together && this.world.atomic === 'step')
      expect((await this.ledger.lanes.commit([first, ...more], {}, never)).type).toMatch(/written|before/u);
    else
      for (const share of shares)
        expect((await this.ledger.lanes.commit([share], {}, never)).type).toMatch(/written|before/u);
    this.#next = Math.max(this.#next, end + 1);
    if (moves) await this.#advance();
  }

  /** Every lane has written as much as the one that has written most, and the low water is there. */
  async #level(): Promise<void> {
    const applied = this.ledger.laneRecords.map(({ position }) => (position?.token as number | undefined) ?? 0);
    const size = Math.max(...applied) - this.#next + 1;
    if (size > 0) await this.#batch({ type: 'batch', size, together: false, advance: false });
    await this.#advance();
  }

  async #advance(): Promise<void> {
    if (this.#next > 1) await advance(this.ledger.fenced.root, at(this.#next - 1), never);
  }

  async #plan({ namespaces, ranges }: Action & { type: 'plan' }): Promise<void> {
    const planned = { id: this.world.plans.length + 1, namespaces, ranges, confirmed: false };
    this.world.plans.push(planned);
    const list = Array.from({ length: ranges }, () => ({ from: null, to: null, estimatedRows: planned.id }));
    await this.ledger.ranges.plan({ ranges: new Map(namespaces.map((name) => [name, list])), backfill: null }, never);
    planned.confirmed = true;
  }

  async #load(loader: number): Promise<void> {
    const range = this.ledger.ranges.records.find(({ rows }) => rows < 3);
    if (range === undefined) return;
    const last = Buffer.from(`${range.number}:${range.rows}`);
    const load = { type: 'load', namespace: 'copy', rows: { rows: [last], bytes: 1, last }, over: true } as const;
    const progress = { after: last, done: range.rows === 2, rows: range.rows + 1, bytes: range.bytes + 1 };
    const outcome = await this.ledger.loaders.load({ loader, range, load, progress }, {}, never);
    expect(outcome.type).toMatch(/written|before/u);
  }
}

/** Every claim finds a plan that it can go by. */
function checkPlans({ plans }: World, ledger: ClaimedLedger): void {
  const inForce = new Map(NAMESPACES.map((name) => [name, planOf(ledger, plans, name)]));
  for (const [name, plan] of inForce) {
    const confirmed = plans.filter((each) => each.confirmed && each.namespaces.includes(name)).at(-1);
    expect(plan).toBeGreaterThanOrEqual(confirmed?.id ?? 0);
    // What was decided for one of its namespaces was decided for all.
    for (const other of plans.find(({ id }) => id === plan)?.namespaces ?? [])
      expect(inForce.get(other)).toBeGreaterThanOrEqual(plan);
  }
}

function planOf(ledger: ClaimedLedger, plans: readonly Planned[], name: string): number {
  const ranges = ledger.ranges.records.filter(({ namespace }) => namespace === name);
  const [id = 0, ...others] = new Set(ranges.map(({ estimatedRows }) => estimatedRows));
  expect(others).toEqual([]);
  expect(ranges).toHaveLength(plans.find((plan) => plan.id === id)?.ranges ?? 0);
  return id;
}

function checkLoads({ server, atomic }: World, ledger: ClaimedLedger): void {
  const rows = [...server.rows('copy').keys()];
  for (const range of ledger.ranges.records) {
    const there = rows.filter((id) => id.startsWith(`${range.number}:`)).length;
    // In order: never recorded before the row is there.
    if (atomic === 'none') expect(there).toBeGreaterThanOrEqual(range.rows);
    else expect(there).toBe(range.rows);
  }
}

const stopped = (error: unknown): void => {
  if (error instanceof Crash || (error instanceof ReplicationError && error.kind === 'fenced')) return;
  // The next leg reads the ledger anew.
  if (error instanceof ReplicationError && error.code === 'ledger_behind') return;
  throw error;
};

interface Old extends Pick<Life, 'frozenMs'> {
  readonly thaw: () => void;
  readonly ended: Promise<void>;
}

/** Claims until one succeeds, does its part, and ends as it may; a frozen one goes on when its successor has ended. */
async function follow(world: World, lives: readonly Life[]): Promise<void> {
  let epoch = 0;
  let old: Old | null = null;
  for (const { actions, fault, frozenMs } of lives) {
    epoch += 1;
    const mine = epoch;
    const { process, frozen, thaw } = world.process(fault);
    const live = async (): Promise<void> => {
      const ledger = await process.claim(mine);
      world.claimed = Math.max(world.claimed, mine);
      if (world.claimed === mine) {
        checkPlans(world, ledger);
        checkLoads(world, ledger);
      }
      await world.run(ledger, actions);
    };
    const ended = live().catch(stopped);
    await Promise.race([ended, frozen]);
    await thawed(world, old);
    old = { thaw, ended, frozenMs };
  }
  await thawed(world, old);
  const ledger = await world.process(null).process.claim(epoch + 1);
  world.claimed = epoch + 1;
  checkPlans(world, ledger);
  checkLoads(world, ledger);
  await world.run(
    ledger,
    Array.from({ length: CHANGES }, () => ({ type: 'batch', size: 2, together: false, advance: true })),
  );
}

async function thawed(world: World, old: Old | null): Promise<void> {
  world.now += old?.frozenMs ?? 0;
  old?.thaw();
  await old?.ended;
}

const expected = (key: number, atomic: Atomic): string => {
  const numbers = Array.from({ length: CHANGES }, (_, i) => i + 1).filter((n) => n % KEYS === key);
  return atomic === 'none' ? `k${key}@${numbers.at(-1)}` : numbers.map((n) => `+${n}`).join('');
};

describe.each(['step', 'part', 'none'] as const)(
  'crashes, races and lost answers where steps are atomic: %s',
  (atomic) => {
    it('lose nothing, write nothing twice that counts, and nothing goes back', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 5 }), async (lives) => {
          const world = new World(atomic);
          await follow(world, lives);
          expect(world.violations).toEqual([]);
          for (let key = 0; key < KEYS; key++)
            expect(world.server.rows('shop.orders').get(`k${key}`)?.toString('utf8')).toBe(expected(key, atomic));
        }),
        { numRuns: 150 },
      );
    }, 120_000);
  },
);
