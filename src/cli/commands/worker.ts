import type { Command } from 'commander';
import { loadConfig } from '../../config/load';
import { serviceSchema } from '../../config/schema';
import { toSpec } from '../../config/spec';
import type { Io } from '../io';
import { examples, type TemporalOptions } from '../options';
import { temporalCommand } from './command';

interface WorkerCommandOptions extends TemporalOptions {
  readonly file?: string;
  readonly apply: boolean;
  readonly identity?: string;
}

export const workerCommand = (io: Io): Command =>
  examples(
    temporalCommand(io, 'worker', 'run streams until SIGTERM or Ctrl-C, then hand their positions back')
      .option('-f, --file <file>', 'take its `service` section, and apply it at the start')
      .option('--no-apply', 'with -f: only the `service` section')
      .option(
        '--identity <name>',
        'the same after each restart, and of no other worker: it then takes up at once what it left',
      )
      .action(async ({ file, apply, profile, identity }: WorkerCommandOptions) => {
        const signal = io.interrupted();
        const config = file === undefined ? undefined : loadConfig(file);
        const specs = config === undefined || !apply ? [] : config.streams.map(({ id }) => toSpec(config, id));
        // The worker reads the same variables as every Temporal tool.
        if (profile !== undefined) process.env['TEMPORAL_PROFILE'] = profile;
        const env = identity === undefined ? io.env : { ...io.env, TRIBUTARY_WORKER_IDENTITY: identity };
        // Only here: loading the native worker takes longer than any other command runs.
        const { runWorker } = await import('../../worker/run');
        await runWorker({ service: config?.service ?? serviceSchema.parse({}), apply: specs, env }, signal);
      }),
    'tributary worker',
    'tributary worker -f streams.yaml --identity worker-1',
  );
