import { condition } from '@temporalio/workflow';
import type { StreamSpec } from '../../config/schema';
import type { Revised } from '../../protocol/stream-activities';
import type { ReconfigureOptions } from '../../protocol/stream-messages';
import type { StreamView } from '../../protocol/stream-view';
import { controlCalls } from '../shared/calls';
import { record } from './record';
import { assertLives, refusal, refusalOf } from './refuse';
import { beginAfresh, interrupt, type Run } from './run';
import { streamId, viewOf } from './view';

type Options = ReconfigureOptions | null | undefined;

export function validateReconfigure(run: Run, next: unknown, options: Options): void {
  assertLives(run);
  const expected: unknown = options?.expectedRevision;
  if (expected !== undefined && !Number.isInteger(expected))
    throw refusal('invalid_argument', 'expectedRevision is not a whole number, as `revision` of the status is');
  const id = (next as { readonly stream?: { readonly id?: unknown } } | null | undefined)?.stream?.id;
  if (typeof id !== 'string') throw refusal('invalid_argument', 'the new spec has no stream.id');
  if (id !== streamId(run))
    throw refusal(
      'other_stream',
      `the new spec is of stream ${id}, this is ${streamId(run)}; start it as a stream of its own`,
    );
}

async function revised(run: Run, next: StreamSpec): Promise<Revised> {
  const calls = controlCalls('check the new spec');
  try {
    return run.state.parsed
      ? await calls.revise({ current: run.spec, next })
      : { spec: await calls.parse(next), reselected: false };
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Who wrote the new spec has not seen what another one put in force meanwhile: without this the later of two wins in silence. */
function refuseOverwriting({ state }: Run, options: Options): void {
  const expected = options?.expectedRevision;
  if (expected === undefined || expected === state.revision) return;
  throw refusal(
    'revision_conflict',
    `the configuration of the stream has changed meanwhile: it is at revision ${state.revision}, and the new one was made for revision ${expected}; compare again, then apply again`,
  );
}

/** Puts a spec in force; true when it is another one than before. */
async function replaceSpec(run: Run, next: StreamSpec, options: Options): Promise<boolean> {
  await condition(() => !run.revising);
  run.revising = true;
  try {
    const { spec, reselected } = await revised(run, next);
    assertLives(run);
    const { state } = run;
    const unchanged = state.parsed && JSON.stringify(spec) === JSON.stringify(run.spec);
    if (unchanged && !state.needsAttention) return false;
    refuseOverwriting(run, options);
    // Namespaces that it adds are copied by backfills. Only `prepare`, once no leg of the old one runs, can tell what that is.
    if (reselected) state.unprepared = true;
    run.spec = spec;
    state.parsed = true;
    state.revision += 1;
    beginAfresh(state);
    return true;
  } finally {
    run.revising = false;
  }
}

/** Answers when the next leg has begun with the new spec, or when the stream rests and would begin with it. */
export async function reconfigure(run: Run, next: StreamSpec, options: Options): Promise<StreamView> {
  if (!(await replaceSpec(run, next, options))) return viewOf(run);
  const { state } = run;
  const { revision } = state;
  record(run, 'stream.reconfigured');
  interrupt(run);
  await condition(() => run.revisionInForce >= revision || run.resting || state.phase === 'ended');
  return viewOf(run);
}
