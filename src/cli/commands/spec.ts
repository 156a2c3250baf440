import type { Command } from 'commander';
import { loadConfig } from '../../config/load';
import { toSpec } from '../../config/spec';
import { INPUT_VERSION, type StreamInput } from '../../protocol/input';
import type { Io } from '../io';
import { type CommonOptions, examples, fileOption } from '../options';
import { emit } from '../output';
import { command } from './command';

export const specCommand = (io: Io): Command =>
  examples(
    command(io, 'spec', "print a stream's workflow input, for the Temporal CLI; references to secrets stay references")
      .argument('<id>', 'stream id')
      .addOption(fileOption())
      .action((id: string, options: CommonOptions & { file: string }) => {
        const config = loadConfig(options.file);
        const input: StreamInput = { version: INPUT_VERSION, spec: toSpec(config, id) };
        emit(io, options.format, input, (data) => JSON.stringify(data));
      }),
    'tributary streams spec orders -f streams.yaml > orders.json',
    'temporal workflow start --type replicationStream --task-queue tributary \\',
    '  --workflow-id tributary/orders --input-file orders.json',
  );
