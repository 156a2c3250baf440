import type { Command } from 'commander';
import { loadConfig } from '../../config/load';
import { type Config, serviceSchema } from '../../config/schema';
import { toSpec } from '../../config/spec';
import { apply } from '../apply/apply';
import type { Io } from '../io';
import { examples, type TemporalOptions } from '../options';
import { remark } from '../output';
import { appliedTable } from '../render/plan';
import { temporalCommand, withTemporal } from './command';

interface WorkerCommandOptions extends TemporalOptions {
  readonly file?: string;
  readonly apply: boolean;
}

const APPLY_TIMEOUT_MS = 60_000;

export const workerCommand = (io: Io): Command =>
  examples(
    temporalCommand(io, 'worker', 'run streams until SIGTERM or Ctrl-C, then hand their positions back')
      .option('-f, --file <file>', 'take its `service` section, and apply it at the start')
      .option('--no-apply', 'with -f: only the `service` section')
      .action(async (options: WorkerCommandOptions) => {
        const signal = io.interrupted();
        const config = options.file === undefined ? undefined : loadConfig(options.file);
        // The worker reads the same variables as every Temporal tool.
        if (options.profile !== undefined) process.env['TEMPORAL_PROFILE'] = options.profile;
        // Only here: loading the native worker takes longer than any other command runs.
        const { runWorker } = await import('../../worker/run');
        await runWorker(
          {
            service: config?.service ?? serviceSchema.parse({}),
            env: io.env,
            ...(config === undefined || !options.apply ? {} : { onReady: () => applyAtStart(io, options, config) }),
          },
          signal,
        );
      }),
    'tributary worker',
    'tributary worker -f streams.yaml',
  );

/** A stream that cannot be applied is said, but keeps no other stream from running. */
async function applyAtStart(io: Io, options: TemporalOptions, config: Config): Promise<void> {
  const specs = config.streams.map(({ id }) => toSpec(config, id));
  const applied = await withTemporal(io, options, (temporal) =>
    apply(temporal, specs, { io, dryRun: false, timeoutMs: APPLY_TIMEOUT_MS }),
  );
  remark(io, appliedTable(applied, io.paint));
}
