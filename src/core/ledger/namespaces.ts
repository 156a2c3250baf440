import type { Parked } from '../ports/destination';
import type { Namespace } from '../model/namespace';
import type { Json } from '../model/position';
import type { FencedRecords } from './claim';
import { put, type Put } from './records/own-records';
import { derivedCodec, namespaceCodec, type DerivedState, type NamespaceState } from './records/records';

/** What is known of a namespace before anything was done for it. */
export const unknownNamespace = (source: Namespace, target: Namespace): NamespaceState => ({
  source,
  target,
  identity: null,
  origin: null,
  wholeOrder: false,
  partial: false,
  made: false,
  parked: null,
  unfollowed: false,
});

export type NamespaceChange = Partial<Omit<NamespaceState, 'source'>> & {
  /** The connector's own part, whole. Left out: stays as it is. */
  readonly native?: Json;
};

/** What a stream knows of its targets, by the names of their sources. */
export class NamespaceRecords {
  constructor(private readonly fenced: FencedRecords) {}

  get all(): readonly NamespaceState[] {
    const { own, context } = this.fenced;
    return own.under(`${context.keys.own}namespace:`).map((record) => own.read(record, namespaceCodec));
  }

  get(source: Namespace): NamespaceState | null {
    const { own, context } = this.fenced;
    const record = own.get(context.keys.namespace(source));
    return record ? own.read(record, namespaceCodec) : null;
  }

  native(source: Namespace): Json | undefined {
    return this.fenced.own.get(this.fenced.context.keys.namespace(source))?.native;
  }

  get parked(): readonly Parked[] {
    return this.all.flatMap(({ source, parked }) => (parked === null ? [] : [{ namespace: source, ...parked }]));
  }

  get unfollowed(): readonly Namespace[] {
    return this.all.flatMap(({ source, unfollowed }) => (unfollowed ? [source] : []));
  }

  /** Changes what is known of these, and makes records of those that have none. */
  async change(changes: ReadonlyMap<Namespace, NamespaceChange & { readonly target: Namespace }>, signal: AbortSignal) {
    const make = (): readonly Put[] =>
      [...changes].map(([source, { native, ...change }]) => {
        const state = { ...(this.get(source) ?? unknownNamespace(source, change.target)), ...change };
        const key = this.fenced.context.keys.namespace(source);
        return put(key, namespaceCodec, state, native === undefined ? {} : { native });
      });
    if (changes.size > 0) await this.fenced.own.write(make, signal);
  }

  /** Remembers why these cannot go on; those that have no record are none of the stream's. */
  async park(parked: readonly Parked[], signal: AbortSignal): Promise<void> {
    await this.#mark(new Map(parked.map(({ namespace, ...why }) => [namespace, { parked: why }])), signal);
  }

  /** These go on; the copy that they need has been planned. */
  async unpark(sources: readonly Namespace[], signal: AbortSignal): Promise<void> {
    await this.#mark(new Map(sources.map((source) => [source, { parked: null }])), signal);
  }

  /** The stream does not follow these any more; they are copied when they come back, which takes up a parked one. */
  async unfollow(sources: readonly Namespace[], signal: AbortSignal): Promise<void> {
    await this.#mark(new Map(sources.map((source) => [source, { unfollowed: true, parked: null }])), signal);
  }

  async #mark(changes: ReadonlyMap<Namespace, NamespaceChange>, signal: AbortSignal): Promise<void> {
    const known = [...changes].flatMap(([source, change]) => {
      const state = this.get(source);
      return state ? [[source, { ...change, target: state.target }] as const] : [];
    });
    await this.change(new Map(known), signal);
  }

  async forget(sources: readonly Namespace[], signal: AbortSignal): Promise<void> {
    const { own, context } = this.fenced;
    await own.remove(() => sources.map((source) => context.keys.namespace(source)), signal);
  }

  /** Derived namespaces that the stream keeps, each with the connector's own part. */
  get derived(): readonly (DerivedState & { readonly native: Json })[] {
    const { own, context } = this.fenced;
    const records = own.under(`${context.keys.own}derived:`);
    return records.map((record) => ({ ...own.read(record, derivedCodec), native: record.native ?? null }));
  }

  async keepDerived(state: DerivedState, native: Json, signal: AbortSignal): Promise<void> {
    const { own, context } = this.fenced;
    await own.write(() => [put(context.keys.derived(state.source), derivedCodec, state, { native })], signal);
  }

  async dropDerived(source: Namespace, signal: AbortSignal): Promise<void> {
    const { own, context } = this.fenced;
    await own.remove(() => [context.keys.derived(source)], signal);
  }
}
