import { type Command, Option } from 'commander';
import type { Io } from '../io';
import { duration, examples, type TemporalOptions } from '../options';
import { emit, remark } from '../output';
import { span } from '../render/text';
import { type Until, waitUntil } from '../streams/wait';
import { temporalCommand, withTemporal } from './command';

export const waitCommand = (io: Io): Command =>
  examples(
    temporalCommand(io, 'wait', 'wait for a stream; status 0 when it is there, 1 when it is not in time')
      .argument('<id>', 'stream id')
      .addOption(
        new Option('--until <what>', 'what to wait for')
          .choices(['caught-up', 'snapshot-done', 'paused'])
          .makeOptionMandatory(),
      )
      .option('--timeout <duration>', 'how long to wait', duration, duration('60s'))
      .action(async (id: string, options: TemporalOptions & { until: Until; timeout: number }) => {
        const signal = io.interrupted();
        const { until, timeout: timeoutMs } = options;
        const say = (line: string): void => remark(io, line);
        const waited = await withTemporal(
          io,
          options,
          (temporal) => waitUntil(temporal, { stream: id, until, timeoutMs, say }, signal),
          signal,
        );
        emit(io, options.format, waited, ({ stream, waitedMs, target }) =>
          [
            `${stream} is ${until}`,
            ...(target === null ? [] : [`with the source as of ${target}`]),
            `after ${span(waitedMs)}`,
          ].join(' '),
        );
      }),
    'tributary streams wait orders --until caught-up',
    'tributary streams wait orders --until snapshot-done --timeout 2h',
  );
