import { ReplicationError, tooSlow } from '../../src/core/model/errors';
import type { Clock } from '../../src/core/ports/clock';
import type { Random } from '../chaos/random';
import type { Fault, FaultKind } from './plan';
import type { Host } from './host';
import type { Stats } from './stats';

/** A worker that is silent for so long counts as lost. */
const SILENT_MS = 10_000;

/** Tells what happens, line by line; null: nothing is told. */
export type Trace = ((line: string) => void) | null;

export interface CallOptions {
  readonly signal: AbortSignal;
  /** What is not done by then is given up, and cannot come any more. */
  readonly withinMs?: number | undefined;
  /** The caller sends again what had no answer. */
  readonly repeats?: boolean;
}

/**
 * Between processes and servers. Every call takes some time on its way there and back, which the seed decides, so that the
 * order of what happens is the seed's. A fault may meet any call, before or after the server has done what it was asked for.
 */
export class Wire {
  #calls = 0;
  readonly #named = new Map<string, number>();
  /** No more faults. */
  isCalm = false;
  readonly #faults: ReadonlyMap<string, Fault>;

  constructor(
    private readonly world: Clock,
    private readonly random: Random,
    faults: readonly Fault[],
    private readonly stats: Stats,
    private readonly trace: Trace,
  ) {
    this.#faults = new Map(faults.map((fault) => [`${fault.call} ${fault.nth}`, fault]));
  }

  /** `serve` runs at the server, in one piece. */
  async call<T>(host: Host, name: string, serve: () => T, options: CallOptions): Promise<T> {
    const fault = this.#next(host, name);
    const kind = fault?.kind;
    const told = this.trace === null ? serve : this.#told(host, name, serve, fault);
    try {
      return await this.#send(host, told, options, kind);
    } catch (error) {
      if (kind !== 'repeated' || options.repeats !== true || options.signal.aborted) throw error;
      return this.#send(host, told, options, undefined);
    }
  }

  /** The same, and says so. */
  #told<T>(host: Host, name: string, serve: () => T, fault: Fault | undefined): () => T {
    const number = this.#calls;
    const say = (what: string): void =>
      this.trace?.(`${host.name} ${name} #${number}${fault ? ` (${fault.kind})` : ''} ${what}`);
    say('is sent');
    return () => {
      try {
        const result = serve();
        say(`is done: ${shown(result)}`);
        return result;
      } catch (error) {
        say(`is refused: ${(error as Error).message}`);
        throw error;
      }
    };
  }

  #next(host: Host, name: string): Fault | undefined {
    this.#calls += 1;
    this.stats.called(name);
    const nth = (this.#named.get(name) ?? 0) + 1;
    this.#named.set(name, nth);
    const fault = this.isCalm ? undefined : this.#faults.get(`${name} ${nth}`);
    if (fault === undefined) return undefined;
    this.stats.fault(fault.kind, name);
    switch (fault.kind) {
      case 'overtaken':
        host.cutOff();
        break;
      case 'frozen':
      case 'late':
        // Between what happens now and what comes next, so that what is sent now is sent.
        this.world.timer(0, () => host.freeze(fault.ms, SILENT_MS));
        break;
      case 'killed':
        this.world.timer(0, () => host.kill(SILENT_MS));
        break;
      case 'lost':
      case 'unanswered':
      case 'repeated':
      case 'slow':
    }
    return fault;
  }

  #send<T>(host: Host, serve: () => T, options: CallOptions, fault: FaultKind | undefined): Promise<T> {
    const { signal, withinMs } = options;
    return new Promise<T>((resolve, reject) => {
      if (signal.aborted) {
        reject(cancelled());
        return;
      }
      let isOpen = true;
      let isGivenUp = false;
      const end = (how: () => void): void => {
        if (!isOpen) return;
        isOpen = false;
        signal.removeEventListener('abort', onAbort);
        deadline?.[Symbol.dispose]();
        how();
      };
      const onAbort = (): void => end(() => reject(cancelled()));
      const answer = (how: () => void): void => {
        this.world.timer(this.#delay(), () => host.deliver(() => end(how)));
      };
      const deadline =
        withinMs === undefined
          ? undefined
          : this.world.timer(withinMs, () => {
              if (isServed) return;
              // Whatever becomes of the caller, the server does not do it any more.
              isGivenUp = true;
              host.deliver(() => end(() => reject(tooSlow('the step was not done in time'))));
            });
      let isServed = false;
      signal.addEventListener('abort', onAbort, { once: true });
      this.world.timer(this.#delay() + this.#extra(fault), () => {
        if (isGivenUp) return;
        isServed = true;
        if (fault === 'lost') {
          answer(() => reject(unreachable()));
          return;
        }
        try {
          const result = serve();
          answer(() => (fault === 'unanswered' || fault === 'repeated' ? reject(unreachable()) : resolve(result)));
        } catch (error) {
          const refusal = error instanceof Error ? error : new Error(String(error));
          answer(() => reject(refusal));
        }
      });
    });
  }

  /** Mostly short, so that calls overtake each other; now and then as long as what the core waits between two looks. */
  #delay(): number {
    const { random } = this;
    const luck = random.next();
    if (luck < 0.8) return random.next() * 3;
    return luck < 0.95 ? random.next() * 60 : random.next() * 700;
  }

  #extra(fault: FaultKind | undefined): number {
    if (fault === 'slow') return 1_000 + this.random.next() * 24_000;
    return fault === 'late' ? 5_000 + this.random.next() * 15_000 : 0;
  }
}

const shown = (result: unknown): string =>
  JSON.stringify(result, (_name, value: unknown): unknown => {
    if (value instanceof Map) return Object.fromEntries(value);
    return isBytes(value) ? Buffer.from(value.data).toString('latin1') : value;
  });

/** What a Buffer is to JSON. */
const isBytes = (value: unknown): value is { data: number[] } =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;

const unreachable = (): ReplicationError =>
  new ReplicationError('retry', { code: 'unreachable', message: 'the server did not answer' });

const cancelled = (): ReplicationError =>
  new ReplicationError('retry', { code: 'cancelled', message: 'the call was given up' });
