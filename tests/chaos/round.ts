import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inject, takes } from './faults';
import type { Bite, Resource } from './faults/bite';
import { judge } from './oracle';
import { writePlan, type Fault, type Plan } from './plan';
import { Round } from './round-context';
import type { Stage } from './stage';
import { Versions } from './versions';
import { Writer } from './writer';

export interface Outcome {
  readonly plan: Plan;
  /** `void`: nothing was wrong, but a fault did not happen, so that it shows nothing. */
  readonly result: 'passed' | 'void' | 'failed';
  readonly problems: readonly string[];
  readonly bites: readonly (Bite & { readonly kind: Fault['kind']; readonly inStep: boolean })[];
  readonly statements: number;
  /** Writes that the destination saw. */
  readonly writes: number;
  readonly redelivered: number;
  /** Whether the stream was in step before the end, so that its order could be judged. */
  readonly judged: boolean;
  readonly ms: number;
  /** Where a failed round has left what there is to know. */
  readonly directory: string;
}

/** Plays one plan on a stage and judges it. Never rejects: what goes wrong is a failure of the round. */
export async function play(plan: Plan, stage: Stage, home: string): Promise<Outcome> {
  const began = performance.now();
  const directory = join(home, String(plan.seed));
  mkdirSync(directory, { recursive: true });
  writePlan(join(directory, 'plan.json'), plan);
  const bites: Outcome['bites'][number][] = [];
  const counts = { statements: 0, writes: 0, redelivered: 0, judged: false };
  let problems: string[];
  try {
    problems = await within(plan, stage, directory, bites, counts);
  } catch (error) {
    problems = [`the round could not be played: ${error instanceof Error ? (error.stack ?? '') : String(error)}`];
  }
  stage.rounds += 1;
  const result = problems.length > 0 ? 'failed' : bites.every(({ bit }) => bit) ? 'passed' : 'void';
  return { plan, result, problems, bites, ...counts, ms: performance.now() - began, directory };
}

async function within(
  plan: Plan,
  stage: Stage,
  directory: string,
  bites: Outcome['bites'][number][],
  counts: { -readonly [K in 'statements' | 'writes' | 'redelivered']: number } & { judged: boolean },
): Promise<string[]> {
  await stage.mend();
  await using round = await Round.open(plan, stage, directory);
  const { t } = round;
  await using writer = new Writer(stage.source.uri, t.source.databaseName, {
    retypeKeys: await stage.retypesKeys(),
    uniqueInForce: round.uniqueIndexes === 'in_force',
  });
  await using versions = await Versions.open(stage.destination.uri, t.destination.databaseName);
  await writer.seed();
  await Promise.all([writer.play(plan.before), round.workers(plan.workers)]);
  round.note('the source is filled');
  await t.start();
  const ended = new AbortController();
  const armed = arm(round, versions, ended.signal);
  round.note('started');
  const suffering = new AbortController();
  const suffered = (plan.inStep ? armed : Promise.resolve())
    .then(() => suffer(round, plan.faults, bites, () => versions.armedAt !== null))
    .finally(() => suffering.abort());
  await writer.play(plan.during);
  round.note('all was written once');
  // Its faults wait for that too. A writer that went on meanwhile could keep a slow machine from it for ever.
  if (plan.inStep) await armed;
  // A fault that takes its time still meets changes under way.
  await Promise.all([suffered, writer.repeat(plan.during, suffering.signal)]);
  round.note('all faults are over');
  await round.mend();
  await armed;
  // However late that was.
  await writer.rotate();
  round.note('judged from here on');
  const problems = await judge(round, versions);
  round.note('judged');
  ended.abort();
  Object.assign(counts, {
    statements: writer.statements,
    writes: versions.writes,
    redelivered: versions.redelivered,
    judged: versions.armedAt !== null,
  });
  writeFileSync(join(directory, 'events.txt'), `${round.notes.join('\n')}\n`);
  if (problems.length > 0) await dump(round, directory, problems, versions);
  return problems;
}

/** In step: beyond the source time that was taken after the copy's last read, which the second wait is sure to pass. */
async function arm(round: Round, versions: Versions, signal: AbortSignal): Promise<void> {
  const level = (): Promise<unknown> =>
    round.insist('being in step', () => round.t.caughtUp().then(() => true), 120_000);
  try {
    await level();
    await level();
    if (!signal.aborted) await versions.arm();
    round.note('in step');
  } catch (error) {
    round.note(`was not in step: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Every fault at its time; those that need the same thing wait for each other. */
async function suffer(
  round: Round,
  faults: readonly Fault[],
  bites: Outcome['bites'][number][],
  isInStep: () => boolean,
): Promise<void> {
  const busy = new Map<Resource, Promise<unknown>>();
  await Promise.all(
    faults.map(async (fault) => {
      await delay(fault.atMs);
      const wanted = takes(fault);
      const before = Promise.all(wanted.map((resource) => busy.get(resource) ?? Promise.resolve()));
      const mine = before.then(async () => {
        const pastOverlap = isInStep();
        round.note(`${fault.kind} begins`);
        const bite = await inject(round, fault).catch((error: unknown) => ({
          bit: false,
          evidence: error instanceof Error ? error.message : String(error),
        }));
        round.note(`${fault.kind}: ${bite.evidence}`);
        bites.push({ kind: fault.kind, inStep: pastOverlap, ...bite });
      });
      for (const resource of wanted) busy.set(resource, mine);
      await mine;
    }),
  );
}

/** What there is to know about a failure. */
async function dump(round: Round, directory: string, problems: string[], versions: Versions): Promise<void> {
  const write = (name: string, lines: readonly string[]): void =>
    writeFileSync(join(directory, name), `${lines.join('\n')}\n`);
  write('problems.txt', problems);
  write('worker.log', round.t.everyLine);
  write(
    'regressions.txt',
    versions.regressions.map(({ what }) => what),
  );
  const view = await round.t.status().catch((error: unknown) => String(error));
  const records = await round.records().catch((error: unknown) => String(error));
  write('state.json', [JSON.stringify({ view, records }, null, 2)]);
}
