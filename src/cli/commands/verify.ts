import { InvalidArgumentError, type Command } from 'commander';
import type { VerificationView } from '../../protocol/verification-messages';
import { explain } from '../explain';
import { CliError, EXIT } from '../failure';
import type { Io } from '../io';
import { examples, type TemporalOptions } from '../options';
import { emit, remark, type Format } from '../output';
import { Screen } from '../render/screen';
import { verificationLine, verificationResult } from '../render/verification';
import type { Temporal } from '../temporal';
import { differingRows, type DifferingRow } from '../verify/keys';
import { begin, comparedBy, exitOf, follow, latest, noVerification, viewOf } from '../verify/verify';
import { temporalCommand, withTemporal } from './command';

interface VerifyCommandOptions extends TemporalOptions {
  readonly repair?: true;
  readonly namespaces?: readonly string[];
  readonly rowsPerSecond?: number;
  readonly detach?: true;
  readonly status?: true;
  readonly stop?: true;
  readonly limit: number;
  readonly json?: true;
}

/** The documented JSON of `verify`. */
export interface Verified extends VerificationView {
  /** Rows that differ; null where the destination cannot be read from here. */
  readonly keys: readonly DifferingRow[] | null;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Expected a whole number.');
  return value;
}

export const verifyCommand = (io: Io): Command =>
  examples(
    temporalCommand(io, 'verify', 'compare both sides of a stream, row by row, while it runs')
      .argument('<id>', 'stream id')
      .option('--repair', 'let the stream copy again what differs')
      .option('--namespaces <pattern...>', 'compare these only: patterns with * and ?')
      .option('--rows-per-second <n>', 'read each side no faster than this; 0: as fast as it goes', whole)
      .option('--detach', 'start it and do not wait')
      .option('--status', 'show the one that runs, or the last one')
      .option('--stop', 'end the one that runs')
      .option('--limit <n>', 'rows that differ to show at most', whole, 50)
      .option('--json', 'the same as --format json')
      .action(async (id: string, options: VerifyCommandOptions) => {
        await withTemporal(io, options, (temporal) => verify(io, temporal, id, options));
      }),
    'tributary verify orders',
    'tributary verify orders --repair --namespaces "shop.orders*"',
    'tributary verify orders --detach && tributary verify orders --status',
  ).addHelpText('after', '\nExit status: 0 identical, 1 different, 2 incomplete or failed.');

async function verify(io: Io, temporal: Temporal, id: string, options: VerifyCommandOptions): Promise<void> {
  if (options.status === true) return showLatest(io, temporal, id, options);
  if (options.stop === true) return stop(io, temporal, id, options);
  const { workflow, joined } = await begin(temporal, id, {
    repair: options.repair === true,
    namespaces: options.namespaces ?? null,
    rowsPerSecond: options.rowsPerSecond ?? null,
  }).catch(asIncomplete);
  if (joined) remark(io, `${id} is being verified already (${workflow}); showing that one, as it was started`);
  if (options.detach === true) {
    remark(io, `${id} is being verified; see \`tributary verify ${id} --status\``);
    return;
  }
  await watch(io, temporal, id, workflow, options);
}

async function watch(
  io: Io,
  temporal: Temporal,
  id: string,
  workflow: string,
  options: VerifyCommandOptions,
): Promise<void> {
  const signal = io.interrupted();
  const screen = new Screen(io);
  const table = formatOf(options) === 'table';
  const view = await follow(
    temporal,
    workflow,
    {
      tell: (now, live) => {
        if (table) screen.draw(verificationLine(now, live, io.paint), `${now.status} ${now.findings.rangesDone}`);
      },
      say: (line) => (table ? screen.remark(line) : remark(io, line)),
    },
    signal,
  ).catch(asIncomplete);
  if (view === null) {
    throw new CliError(
      `stopped watching; the verification of ${id} goes on`,
      `see it with \`tributary verify ${id} --status\`, end it with \`tributary verify ${id} --stop\``,
      { status: EXIT.usage },
    );
  }
  await tell(io, temporal, workflow, view, options);
}

async function tell(
  io: Io,
  temporal: Temporal,
  workflow: string,
  view: VerificationView,
  options: VerifyCommandOptions,
): Promise<void> {
  const keys = await keysOf(io, temporal, workflow, view, options.limit);
  emit<Verified>(io, formatOf(options), { ...view, keys }, (data) => verificationResult(data, data.keys, io));
  const status = exitOf(view);
  if (status === EXIT.done) return;
  throw new CliError(
    view.verdict === 'different'
      ? `both sides of ${view.stream} differ`
      : `it is not proven that both sides of ${view.stream} are the same: ${view.gaps.join('; ')}`,
    view.verdict === 'different' && !view.repair
      ? `\`tributary verify ${view.stream} --repair\` copies again what differs`
      : '',
    { status },
  );
}

/** Keys of rows that differ never enter the workflow's history; a command without access to the destination does not show them. */
async function keysOf(
  io: Io,
  temporal: Temporal,
  workflow: string,
  { findings, run }: VerificationView,
  limit: number,
): Promise<readonly DifferingRow[] | null> {
  const { missing, extra, different } = findings.damaged;
  if (missing + extra + different + findings.unsettled === 0) return [];
  try {
    return await differingRows(await comparedBy(temporal, workflow), run, limit, io.interrupted());
  } catch (error) {
    const { message } = explain(error);
    remark(io, `the keys of the rows that differ are at the destination, which cannot be read from here: ${message}`);
    return null;
  }
}

async function showLatest(io: Io, temporal: Temporal, id: string, options: VerifyCommandOptions): Promise<void> {
  const found = await latest(temporal, id);
  if (found === null) throw noVerification(id);
  const handle = temporal.client.workflow.getHandle(found.workflowId, found.runId);
  const ended = found.status.name === 'COMPLETED';
  const view = ended ? ((await handle.result()) as VerificationView) : await viewOf(temporal, handle);
  if (view === null)
    throw new CliError(`no worker answers for ${found.workflowId}`, 'start one with `tributary worker`');
  if (view.verdict !== null) return tell(io, temporal, found.workflowId, view, options);
  emit<Verified>(io, formatOf(options), { ...view, keys: null }, (data) => verificationLine(data, null, io.paint));
}

async function stop(io: Io, temporal: Temporal, id: string, options: VerifyCommandOptions): Promise<void> {
  const found = await latest(temporal, id);
  if (found?.status.name !== 'RUNNING') throw noVerificationRuns(id);
  const handle = temporal.client.workflow.getHandle(found.workflowId);
  await handle.cancel();
  const view = (await handle.result()) as VerificationView;
  emit<Verified>(io, formatOf(options), { ...view, keys: null }, (data) => verificationResult(data, null, io));
}

const noVerificationRuns = (id: string): CliError =>
  new CliError(`no verification of ${id} runs`, `start one with \`tributary verify ${id}\``);

const formatOf = ({ format, json }: VerifyCommandOptions): Format => (json === true ? 'json' : format);

/** Nothing was proven: neither that both sides are the same nor that they are not. */
function asIncomplete(error: unknown): never {
  const { message, remedy } = explain(error);
  throw new CliError(message, remedy, { status: EXIT.usage, cause: error });
}
