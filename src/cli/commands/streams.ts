import type { Command } from 'commander';
import type { Io } from '../io';
import { examples, type TemporalOptions } from '../options';
import { emit } from '../output';
import { streamDetails, streamsTable } from '../render/streams';
import { listStreams, observe } from '../streams/observe';
import { watch } from '../streams/watch';
import { command, temporalCommand, withTemporal } from './command';
import { finalizeCommand, pauseCommand, restartCommand, resumeCommand, stopCommand } from './control';
import { forgetCommand } from './forget';
import { specCommand } from './spec';
import { waitCommand } from './wait';

export const streamsCommand = (io: Io): Command =>
  command(io, 'streams', 'see and steer streams')
    .addCommand(list(io))
    .addCommand(status(io))
    .addCommand(watchCommand(io))
    .addCommand(pauseCommand(io))
    .addCommand(resumeCommand(io))
    .addCommand(stopCommand(io))
    .addCommand(finalizeCommand(io))
    .addCommand(restartCommand(io))
    .addCommand(waitCommand(io))
    .addCommand(specCommand(io))
    .addCommand(forgetCommand(io));

const list = (io: Io): Command =>
  examples(
    temporalCommand(io, 'list', 'list the streams that run, also when no worker does')
      .option('--all', 'streams that have ended too')
      .action(async (options: TemporalOptions & { all?: true }) => {
        const reports = await withTemporal(io, options, (temporal) =>
          listStreams(temporal, { all: options.all === true }),
        );
        emit(io, options.format, reports, (data) => streamsTable(data, io));
      }),
    'tributary streams list',
    "tributary streams list --all --format json | jq '.[].status'",
  );

const status = (io: Io): Command =>
  examples(
    temporalCommand(io, 'status', 'show everything about one stream, as of now')
      .argument('<id>', 'stream id')
      .action(async (id: string, options: TemporalOptions) => {
        const report = await withTemporal(io, options, (temporal) => observe(temporal, id));
        emit(io, options.format, report, (data) => streamDetails(data, io));
      }),
    'tributary streams status orders',
    'tributary streams status orders --format json | jq .view.lagMs',
  );

const watchCommand = (io: Io): Command =>
  examples(
    temporalCommand(io, 'watch', 'a live table; Ctrl-C ends it, the streams go on')
      .argument('[id]', 'stream id; all streams when left out')
      .action(async (id: string | undefined, options: TemporalOptions) => {
        const signal = io.interrupted();
        await withTemporal(
          io,
          options,
          (temporal) => watch(temporal, { io, format: options.format, id }, signal),
          signal,
        ).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }),
    'tributary streams watch orders',
    'tributary streams watch --format json | jq -c .',
  );
