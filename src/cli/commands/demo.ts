import type { Command } from 'commander';
import { demo } from '../demo/demo';
import type { Io } from '../io';
import { type CommonOptions, examples, positive } from '../options';
import { command } from './command';

interface DemoCommandOptions extends CommonOptions {
  readonly keep?: true;
  readonly seconds: number;
}

export const demoCommand = (io: Io): Command =>
  examples(
    command(io, 'demo', 'a live replication that survives a killed worker; about a minute, nothing to configure')
      .option('--keep', 'leave all running until Ctrl-C, and say what to try next')
      .option('--seconds <n>', 'how long data is written while the stream runs', positive, 40)
      .action(async ({ format, seconds, keep }: DemoCommandOptions) => {
        await demo({ io, format, seconds, keep: keep === true }, io.interrupted());
      }),
    'tributary demo',
    'tributary demo --keep --seconds 20',
  );
