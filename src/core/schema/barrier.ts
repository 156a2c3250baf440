import type { SchemaChange } from '../model/change';
import type { Claim, BackfillMode } from '../ports/destination';
import type { NamespaceBackfills } from '../copy/backfills';
import type { Namespace } from '../model/namespace';
import type { Namespaces } from './namespaces';
import { overlapsOf } from '../refresh/overlap';
import type { Position } from '../model/position';
import type { Meter } from '../pump/progress';
import { decideSchemaChange, outcomeOf, shaped, touchedBy, type Decision, type DecisionContext } from './schema-change';
import type { Log } from '../ports/connector';
import type { Source } from '../ports/source';

export interface BarrierContext extends Omit<DecisionContext, 'claim' | 'source' | 'inOverlap'> {
  readonly source: Source;
  readonly claim: Claim;
  readonly copyMode: BackfillMode;
  readonly copies: NamespaceBackfills;
  readonly namespaces: Namespaces;
  readonly log: Log;
  readonly meter: Meter;
  /** Whether rows of a namespace were read later than this. */
  readonly readSince: (namespace: Namespace, position: Position) => boolean;
  /** The destination has followed a change. */
  readonly altered: (change: SchemaChange) => void;
}

/** What is done about a schema change, with all lanes level before it. */
export class Barrier {
  readonly #context: BarrierContext;

  constructor(context: BarrierContext) {
    this.#context = context;
  }

  async decide(change: SchemaChange, position: Position, signal: AbortSignal): Promise<Decision> {
    const { copies, log, meter, source } = this.#context;
    const missed = await this.#mayHaveMissed(change, position, signal);
    const inOverlap = (name: Namespace): boolean =>
      copies.of(name) !== undefined || (missed && name === change.namespace);
    const decision = decideSchemaChange(change, position, { ...this.#context, inOverlap });
    const outcome = outcomeOf(decision);
    meter.schemaChange(change.kind, outcome);
    const about = { kind: change.kind, namespace: change.namespace, outcome, at: source.describe(position) };
    log('info', 'schema_change', about);
    if ('ignored' in decision) log('warn', 'schema_change_ignored', { ...about, reason: decision.ignored });
    return decision;
  }

  /** Rows that were read under a name that was no longer theirs were not found, where the source knows no identities. */
  async #mayHaveMissed(change: SchemaChange, position: Position, signal: AbortSignal): Promise<boolean> {
    const { namespaces, readSince, source } = this.#context;
    if (change.op !== 'rename' || !readSince(change.namespace, position)) return false;
    // Met when the source had it no more under this name: a row of a repair was looked for by the name alone.
    if (namespaces.identity(change.namespace) !== change.identity) return true;
    return !change.identity || (await source.shape(change, signal))?.identity !== change.identity;
  }

  async alter(
    { change, copy }: Extract<Decision, { action: 'alter' }>,
    position: Position,
    signal: AbortSignal,
  ): Promise<void> {
    const { altered, claim, copies, copyMode, namespaces, source } = this.#context;
    const ended = touchedBy(change, copies.known);
    await copies.end(ended);
    // Planned before the change is applied: a crash in between must not forget that it is owed.
    const owed = copy === undefined ? null : new Map([[copy, { estimatedRows: 0 }]]);
    const mode = namespaces.follows(change.namespace) ? copyMode : 'once';
    const ranges = owed && (await claim.planBackfill(owed, mode, signal));
    await claim.alter(await shaped(change, source, claim, signal), position, signal);
    const over = ended.filter((name) => name !== copy);
    if (over.length > 0) await claim.plan(new Map(over.map((name) => [name, []])), signal);
    await namespaces.altered(change, signal);
    altered(change);
    if (copy === undefined || ranges === null) return;
    await namespaces.add(copy, signal);
    copies.add(overlapsOf(ranges.filter(({ namespace }) => namespace === copy)));
  }
}
