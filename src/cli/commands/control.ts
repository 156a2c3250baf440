import type { WorkflowHandle } from '@temporalio/client';
import { type Command, Option } from 'commander';
import { workflowId } from '../../protocol/names';
import {
  finalizeUpdate,
  pauseUpdate,
  restartUpdate,
  resumeNamespaceUpdate,
  resumeUpdate,
  stopUpdate,
} from '../../protocol/stream-messages';
import type { StreamView } from '../../protocol/stream-view';
import { CliError } from '../failure';
import type { Io } from '../io';
import { duration, examples, type TemporalOptions } from '../options';
import { emit } from '../output';
import { findingsTable } from '../render/findings';
import { paintStatus } from '../render/streams';
import { span } from '../render/text';
import { patiently } from '../streams/control';
import { temporalCommand, withTemporal } from './command';

interface ControlOptions extends TemporalOptions {
  readonly timeout: number;
}

interface Control<O extends ControlOptions, R> {
  readonly name: string;
  readonly description: string;
  /** `pausing`: what is said while the person waits. */
  readonly doing: string;
  readonly timeout: string;
  readonly run: (handle: WorkflowHandle, options: O) => Promise<R>;
  readonly table: (result: R) => string;
  /** What was asked for has happened, and yet is no success. */
  readonly failed?: (result: R) => CliError | null;
}

function control<R, O extends ControlOptions = ControlOptions>(io: Io, spec: Control<O, R>): Command {
  return temporalCommand(io, spec.name, spec.description)
    .argument('<id>', 'stream id')
    .option('--timeout <duration>', 'how long to wait for the outcome', duration, duration(spec.timeout))
    .action(async (id: string, options: O) => {
      const result = await withTemporal(io, options, (temporal) =>
        patiently(temporal, { io, doing: `${spec.doing} ${id}`, timeoutMs: options.timeout }, () =>
          spec.run(temporal.client.workflow.getHandle(workflowId(id)), options),
        ),
      );
      emit(io, options.format, result, spec.table);
      const failed = spec.failed?.(result) ?? null;
      if (failed !== null) throw failed;
    });
}

const outcome =
  (io: Io) =>
  ({ stream, status, at, lagMs }: StreamView): string =>
    `${stream} is ${paintStatus(io.paint, status)}${at === null ? '' : ` at ${at}`}${
      lagMs === null ? '' : `, lag ${span(lagMs)}`
    }`;

export const pauseCommand = (io: Io): Command =>
  examples(
    control<StreamView, ControlOptions & { reason?: string }>(io, {
      name: 'pause',
      description: 'let the running leg end and hold the stream; answers when nothing is being written',
      doing: 'pausing',
      timeout: '60s',
      run: (handle, { reason }) =>
        handle.executeUpdate<StreamView, [{ reason?: string }]>(pauseUpdate.name, {
          args: [reason === undefined ? {} : { reason }],
        }),
      table: outcome(io),
    }).option('--reason <text>', "kept in the workflow's history"),
    'tributary streams pause orders',
    'tributary streams pause orders --reason "index build on the target"',
  );

export const resumeCommand = (io: Io): Command =>
  examples(
    control<StreamView, ControlOptions & { namespace?: string }>(io, {
      name: 'resume',
      description: 'go on from where the stream stopped, also after it needed attention',
      doing: 'resuming',
      timeout: '60s',
      run: (handle, { namespace }) =>
        namespace === undefined
          ? handle.executeUpdate(resumeUpdate)
          : handle.executeUpdate(resumeNamespaceUpdate, { args: [{ namespace }] }),
      table: outcome(io),
    }).option('--namespace <name>', 'only this one, which is parked: it is copied again while the others go on'),
    'tributary streams resume orders',
    'tributary streams resume orders --namespace shop.customers',
  );

export const stopCommand = (io: Io): Command =>
  examples(
    control(io, {
      name: 'stop',
      description: 'end the stream; its ledger stays, so that `apply` continues where it stopped',
      doing: 'stopping',
      timeout: '60s',
      run: (handle) => handle.executeUpdate(stopUpdate),
      table: outcome(io),
    }),
    'tributary streams stop orders',
  );

export const finalizeCommand = (io: Io): Command =>
  examples(
    control(io, {
      name: 'finalize',
      description: 'run to the source as of now, put unique and TTL indexes in force, end the stream',
      doing: 'finalizing',
      timeout: '30m',
      run: (handle) => handle.executeUpdate(finalizeUpdate),
      table: ({ view, findings }) =>
        [outcome(io)(view), ...(findings.length === 0 ? [] : ['', findingsTable(findings, io)])].join('\n'),
      failed: ({ view, findings }) => {
        const errors = findings.filter(({ severity }) => severity === 'error').length;
        return errors === 0
          ? null
          : new CliError(
              `${view.stream} has ended, and ${errors} of its findings are errors`,
              'see the remedies above',
            );
      },
    }),
    'tributary streams finalize orders',
    'tributary streams finalize orders --timeout 2h',
  );

export const restartCommand = (io: Io): Command =>
  examples(
    control<StreamView, ControlOptions & { from: 'snapshot' }>(io, {
      name: 'restart',
      description: 'copy everything again, deletes included, then go on from a new start position',
      doing: 'restarting',
      timeout: '60s',
      run: (handle, { from }) => handle.executeUpdate(restartUpdate, { args: [{ from }] }),
      table: outcome(io),
    }).addOption(new Option('--from <where>', 'where to start from').choices(['snapshot']).makeOptionMandatory()),
    'tributary streams restart orders --from snapshot',
  );
