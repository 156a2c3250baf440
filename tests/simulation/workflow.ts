import { createCopy } from '../../src/core/copy/copy';
import { isReplicationError, type ReplicationError } from '../../src/core/model/errors';
import type { Namespace } from '../../src/core/model/namespace';
import type { Position } from '../../src/core/model/position';
import type { Claim } from '../../src/core/ports/destination';
import type { Range } from '../../src/core/ports/source';
import type { EndReason } from '../../src/core/pump/ending';
import { createPump } from '../../src/core/pump/pump';
import { Limiter } from '../../src/core/write/limiter';
import { silentMeter } from '../support/changes';
import { ListDestination } from './destination/destination';
import type { DestinationServer } from './destination/server';
import { Host } from './host';
import type { Plan } from './plan';
import type { Random } from '../chaos/random';
import { ListSource } from './source/source';
import { order } from './source/position';
import type { SourceServer } from './source/server';
import type { Stats } from './stats';
import type { VirtualClock } from './clock';
import type { Wire } from './wire';
import { Violation } from './witness';

const STALL_MS = 20_000;
const LONGEST_SLICE_MS = 20_000;

export interface World {
  readonly plan: Plan;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly wire: Wire;
  readonly source: SourceServer;
  readonly destination: DestinationServer;
  readonly stats: Stats;
  readonly broken: (violation: Violation) => void;
}

/** One call of an activity, in a process of its own. */
interface Leg {
  readonly host: Host;
  readonly source: ListSource;
  readonly destination: ListDestination;
  readonly epoch: number;
  readonly signal: AbortSignal;
}

/** What src/workflows does, in a few lines: one call after the other, with a higher epoch each, from what is known. */
export class Workflow {
  readonly #world: World;
  #epoch = 0;
  #ledgerExists = false;
  #position: Position | null = null;
  #overlapEnd: Position | null = null;
  #stepChanges: number | null = null;
  #sliceMs: number;
  #restart = false;
  #isPrepared = false;
  #isCopied = false;
  /** Ends the call under way as a pause does. */
  #stop: AbortController | null = null;
  failures = 0;
  readonly hosts: Host[] = [];
  /** Calls that the workflow does not wait for any more, and that may still do something. */
  readonly orphans = new Set<Promise<unknown>>();

  constructor(world: World) {
    this.#world = world;
    this.#sliceMs = world.plan.sliceMs;
  }

  /** Ends the call under way; the next one begins at once. */
  interrupt(): void {
    this.#stop?.abort();
  }

  /** Until the stream has passed `until`, or a call more than once where that is null. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) await this.#step(null);
  }

  /** True when everything up to `until` was written and nothing is owed. */
  async catchUp(until: Position): Promise<boolean> {
    return (await this.#step(until)) === 'reached';
  }

  async #step(until: Position | null): Promise<EndReason | null> {
    if (!this.#isPrepared || this.#restart) {
      await this.#attempt((leg) => this.#prepare(leg));
      return null;
    }
    if (!this.#isCopied) {
      await this.#attempt((leg) => this.#copy(leg));
      return null;
    }
    return this.#attempt((leg) => this.#pump(leg, until));
  }

  async #attempt<T>(body: (leg: Leg) => Promise<T>): Promise<T | null> {
    const { broken, clock, destination, plan, random, source, stats, wire } = this.#world;
    this.#epoch += 1;
    const host = new Host(clock, `${this.#epoch}`);
    this.hosts.push(host);
    const stop = (this.#stop = new AbortController());
    const leg: Leg = {
      host,
      source: new ListSource(source, host, wire, plan.traits, random),
      destination: new ListDestination(destination, host, wire, plan.traits),
      epoch: this.#epoch,
      signal: stop.signal,
    };
    stats.count('legs');
    const call = body(leg).then(
      (value) => ({ value }),
      (error: unknown) => {
        if (!isReplicationError(error) || error.kind === 'bug')
          broken(new Violation('no bug', String((error as Error).stack)));
        return { error: error as ReplicationError };
      },
    );
    this.orphans.add(call);
    void call.then(() => this.orphans.delete(call));
    const ended = await Promise.race([call, host.lost.then(() => null)]);
    if (ended === null) {
      stats.count('legs lost');
      return null;
    }
    if ('value' in ended) {
      this.failures = 0;
      this.#sliceMs = Math.min(LONGEST_SLICE_MS, this.#sliceMs * 2);
      return ended.value;
    }
    this.#failed(ended.error);
    await clock.sleep(random.next() * 300, forever);
    return null;
  }

  #failed(error: ReplicationError): void {
    const { broken, stats } = this.#world;
    this.failures += 1;
    this.#sliceMs = this.#world.plan.sliceMs;
    stats.count(`failed ${error.code}`);
    if (error.kind === 'fenced') this.#epoch = Math.max(this.#epoch, error.epoch ?? 0);
    else if (error.code === 'history_lost') this.#restart = true;
    else if (error.kind !== 'retry') broken(new Violation('no stop', `${error.kind} ${error.code}: ${error.message}`));
  }

  #claim({ destination, epoch, signal }: Leg): Promise<Claim> {
    const { lanes } = this.#world.plan;
    const expect = this.#ledgerExists ? 'existing' : 'any';
    return destination.claim({ stream: 's', epoch, lanes: lanes[0] ?? 1, expect }, signal);
  }

  /** The start position is taken before anything is listed, and recorded when everything is planned. */
  async #prepare(leg: Leg): Promise<void> {
    const { source, signal } = leg;
    const restart = this.#restart;
    let position = await source.currentPosition(signal);
    let listed = await source.namespaces(signal);
    const claim = await this.#claim(leg);
    if (restart) {
      position = await source.currentPosition(signal);
      listed = await source.namespaces(signal);
    }
    const { known, lowWater, ranges } = claim.ledger;
    const names = new Set(listed.map(({ name }) => name));
    const plan = new Map<Namespace, readonly Range[]>();
    if (restart || lowWater === null)
      for (const { namespace } of ranges) if (!names.has(namespace)) plan.set(namespace, []);
    if (!restart && lowWater === null)
      for (const each of listed) {
        const cut = await source.ranges(each, { count: () => 2, since: position }, signal);
        plan.set(each.name, cut.ranges);
      }
    if (restart)
      await claim.planBackfill(new Map([...names].map((name) => [name, { estimatedRows: 0 }])), 'repair', signal);
    if (plan.size > 0) await claim.plan(plan, signal);
    if (restart)
      await claim.remove(
        known.filter((name) => !names.has(name)),
        signal,
      );
    await claim.prepare(listed, signal);
    if (restart || lowWater === null) {
      await claim.begin(position, signal);
      this.#position = position;
    }
    this.#ledgerExists = true;
    this.#isPrepared = true;
    if (restart) this.#overlapEnd = null;
    this.#restart = false;
    this.#isCopied = restart;
  }

  async #copy(leg: Leg): Promise<void> {
    const { plan, stats } = this.#world;
    const { host, source, destination, signal } = leg;
    const claim = await this.#claim(leg);
    const copy = createCopy({
      stream: 's',
      source,
      destination,
      traits: destination.traits,
      claim,
      since: furthest(claim),
      parallelism: 2,
      batchSize: Math.min(plan.batchSize, 4),
      limiter: new Limiter(() => UNLIMITED, silentMeter, host.clock),
      onError: plan.traits.onError,
      sliceMs: this.#sliceMs,
      stallMs: STALL_MS,
      stepRows: null,
      log: (_level, event) => stats.count(`log ${event}`),
      meter: silentMeter,
      clock: host.clock,
    });
    const { overlapEnd } = await copy.run(signal);
    if (overlapEnd === null) return;
    this.#overlapEnd = overlapEnd;
    this.#isCopied = true;
  }

  async #pump(leg: Leg, until: Position | null): Promise<EndReason> {
    const { destination: server, plan, stats } = this.#world;
    const { host, source, destination, epoch, signal } = leg;
    const claim = await this.#claim(leg);
    const overlapEnd = this.#overlapEnd;
    const pump = createPump({
      source,
      traits: destination.traits,
      claim,
      position: this.#position,
      overlapEnd,
      until,
      lanes: plan.lanes[epoch % plan.lanes.length] ?? 1,
      batchSize: plan.batchSize,
      limiter: new Limiter(() => UNLIMITED, silentMeter, host.clock),
      updates: plan.traits.reads,
      renameOut: 'drop',
      unsupported: 'needs_attention',
      errors: { onError: plan.traits.onError, maxRetries: 1, retryDelayMs: 50 },
      destination: {
        rows: (...args) => destination.rows(...args),
      },
      copyMode: 'repair',
      resume: [],
      sliceMs: this.#sliceMs,
      stallMs: STALL_MS,
      stepChanges: this.#stepChanges,
      log: (_level, event) => stats.count(`log ${event}`),
      meter: silentMeter,
      clock: host.clock,
    });
    const { lowWater } = claim.ledger;
    const isPastOverlap = overlapEnd === null || (lowWater !== null && order(lowWater, overlapEnd) !== 'before');
    if (isPastOverlap) server.witness.pastOverlap();
    const outcome = await pump.run(signal).finally(() => {
      // The workflow does not hear what a leg says that it has left behind.
      if (epoch === this.#epoch) this.#stepChanges = pump.progress.stepChanges ?? null;
    });
    if (epoch === this.#epoch) this.#position = outcome.position;
    stats.count('changes', outcome.totals.applied);
    return outcome.reason;
  }
}

const forever = new AbortController().signal;
const UNLIMITED = { eventsPerSecond: 0, bytesPerSecond: 0 };

/** Rows are read no earlier than what any lane has written. */
function furthest({ ledger }: Claim): Position {
  if (ledger.lowWater === null) throw new RangeError('there is no start position');
  return ledger.lanes.reduce(
    (newest, { position }) => (position && order(position, newest) === 'after' ? position : newest),
    ledger.lowWater,
  );
}
