import type { Command } from 'commander';
import { loadConfig } from '../../config/load';
import type { Io } from '../io';
import { examples, fileOption, type TemporalOptions } from '../options';
import { up } from '../up/up';
import { temporalCommand } from './command';

export const upCommand = (io: Io): Command =>
  examples(
    temporalCommand(io, 'up', 'all in one: Temporal when none answers, a worker, apply, a live table; Ctrl-C drains')
      .addOption(fileOption())
      .action(async (options: TemporalOptions & { file: string }) => {
        await up(
          { io, file: options.file, profile: options.profile, format: options.format },
          loadConfig(options.file),
          io.interrupted(),
        );
      }),
    'SOURCE_URI=mongodb://… TARGET_URI=mongodb://… tributary up -f streams.yaml',
  );
