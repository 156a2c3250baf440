import type { Command } from 'commander';
import { loadConfig } from '../../config/load';
import { toSpec } from '../../config/spec';
import { apply } from '../apply/apply';
import { refuseOwnedTargets } from '../check/owned';
import { CliError } from '../failure';
import type { Io } from '../io';
import { duration, examples, fileOption, type TemporalOptions } from '../options';
import { emit } from '../output';
import { appliedTable } from '../render/plan';
import { temporalCommand, withTemporal } from './command';

interface ApplyCommandOptions extends TemporalOptions {
  readonly file: string;
  readonly dryRun?: true;
  readonly timeout: number;
}

export const applyCommand = (io: Io): Command =>
  examples(
    temporalCommand(io, 'apply', 'start the streams of a file that are new, reconfigure those that changed')
      .addOption(fileOption())
      .option('--dry-run', 'show what would change, and change nothing')
      .option('--timeout <duration>', 'how long to wait for a stream to take its change', duration, duration('60s'))
      .action(async (options: ApplyCommandOptions) => {
        const config = loadConfig(options.file);
        const specs = config.streams.map(({ id }) => toSpec(config, id));
        const applied = await withTemporal(io, options, (temporal) =>
          apply(temporal, specs, {
            io,
            dryRun: options.dryRun === true,
            timeoutMs: options.timeout,
            askForWorkers: true,
            refuse: (spec) => refuseOwnedTargets(spec, io.interrupted()),
          }),
        );
        emit(io, options.format, applied, (data) => appliedTable(data, io));
        const failed = applied.streams.filter(({ outcome }) => outcome === 'failed').length;
        if (failed > 0) throw new CliError(`${failed} of ${applied.streams.length} streams could not be applied`);
      }),
    'tributary apply -f streams.yaml --dry-run',
    'tributary apply -f streams.yaml',
  );
