import { ScheduleNotFoundError } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { StreamSpec } from '../../config/schema';
import { replayId, verificationId, workflowId } from '../../protocol/names';
import type { Kept } from '../../core/ports/destination';
import { CliError } from '../failure';
import { destinationOf, namingStream } from '../dead-letters/destination';
import type { Temporal } from '../temporal';
import { latest } from '../verify/verify';
import { observe } from './observe';
import { lastSpecOf, specInFile } from './spec';

/** The documented JSON of `streams forget`. */
export interface Forgotten {
  readonly stream: string;
  readonly dryRun: boolean;
  /** How many of each were removed, or would be. */
  readonly removed: Kept['records'] & { readonly schedules: number };
  /** What stays: rows of these targets, and the history of ended runs in Temporal until its retention has passed. */
  readonly targets: Kept['targets'];
  readonly heldIndexes: number;
  readonly historyInTemporal: boolean;
}

export interface ForgetOptions {
  /** The configuration that names the destination; Temporal is asked when left out. */
  readonly file: string | undefined;
  readonly dryRun: boolean;
  /** Rejects when the person says no. */
  readonly confirm: (plan: Forgotten) => Promise<void>;
}

/** Where the stream wrote to: as the file says, or as Temporal remembers its last run. */
async function specToForget(temporal: Temporal, stream: string, file: string | undefined): Promise<StreamSpec> {
  if (file !== undefined) return specInFile(file, stream);
  return lastSpecOf(temporal, stream).catch((cause: unknown) => {
    if (!(cause instanceof WorkflowNotFoundError)) throw cause;
    throw new CliError(
      `Temporal does not know stream ${stream}, or no longer`,
      'name the file that configured it with -f: its destination is where its records are',
      { cause },
    );
  });
}

/** Removes what is kept of a stream: its schedule at Temporal, and its records at the destination. */
export async function forgetStream(
  temporal: Temporal,
  stream: string,
  { file, dryRun, confirm }: ForgetOptions,
  signal: AbortSignal,
): Promise<Forgotten> {
  const historyInTemporal = await refuseRunning(temporal, stream);
  await using destination = await destinationOf(await specToForget(temporal, stream, file));
  const schedule = temporal.client.schedule.getHandle(verificationId(stream));
  const schedules = await schedule.describe().then(() => 1, absent(0));
  const plan = (kept: Kept): Forgotten => {
    const { records, targets, heldIndexes } = kept;
    return { stream, dryRun, removed: { ...records, schedules }, targets, heldIndexes, historyInTemporal };
  };
  const planned = plan(await destination.kept(stream, signal).catch(namingStream(stream)));
  if (dryRun) return planned;
  await confirm(planned);
  // The schedule first: a verification that it began later would write records anew.
  if (schedules > 0) await schedule.delete().catch(absent(undefined));
  await refuseRunning(temporal, stream);
  const removed = await destination.forget(stream, signal).catch(namingStream(stream));
  return plan(removed);
}

/** Nothing may run that needs what is to be removed. Answers whether Temporal remembers the stream. */
async function refuseRunning(temporal: Temporal, stream: string): Promise<boolean> {
  const statusOf = async (id: string): Promise<string | null> =>
    (await temporal.client.workflow.getHandle(id).describe().catch(absentWorkflow))?.status.name ?? null;
  const status = await statusOf(workflowId(stream));
  if (status === 'RUNNING') {
    const { status: doing, worker } = await observe(temporal, stream);
    throw new CliError(
      `stream ${stream} runs (${doing})`,
      worker === 'silent'
        ? `no worker answers that could stop it: end it with \`temporal workflow terminate -w ${workflowId(stream)}\`, then forget it`
        : `stop it first: tributary streams stop ${stream}`,
    );
  }
  if ((await latest(temporal, stream))?.status.name === 'RUNNING')
    throw new CliError(`stream ${stream} is being verified`, `end that first: tributary verify ${stream} --stop`);
  if ((await statusOf(replayId(stream))) === 'RUNNING')
    throw new CliError(
      `dead letters of ${stream} are being replayed`,
      `end that first: temporal workflow terminate -w ${replayId(stream)}`,
    );
  return status !== null;
}

const absent =
  <T>(value: T) =>
  (error: unknown): T => {
    if (error instanceof ScheduleNotFoundError) return value;
    throw error;
  };

const absentWorkflow = (error: unknown): null => {
  if (error instanceof WorkflowNotFoundError) return null;
  throw error;
};
