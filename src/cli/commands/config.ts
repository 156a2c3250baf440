import type { Command } from 'commander';
import { jsonSchema } from '../../config/settings';
import type { Finding } from '../../core/model/finding';
import { type Checked, checkFile } from '../check/check';
import { CliError } from '../failure';
import type { Io } from '../io';
import { type CommonOptions, examples, fileOption } from '../options';
import { emit } from '../output';
import { checkedTable } from '../render/check';
import { command } from './command';

export const configCommand = (io: Io): Command =>
  command(io, 'config', 'check a configuration, print its schema').addCommand(check(io)).addCommand(schema(io));

const check = (io: Io): Command =>
  examples(
    command(io, 'check', 'say what is wrong with a file, and with --connect what stands in the way at the databases')
      .addOption(fileOption())
      .option('--connect', 'ask the sources and destinations, from this machine and with its environment')
      .action(async (options: CommonOptions & { file: string; connect?: true }) => {
        const signal = io.interrupted();
        const checked = await checkFile(options.file, options.connect === true, signal);
        emit(io, options.format, checked, (data) => checkedTable(data, io));
        if (hasErrors(checked)) throw new CliError(`${options.file} is not ready to run`, 'see the remedies above');
      }),
    'tributary config check -f streams.yaml',
    'SOURCE_URI=… TARGET_URI=… tributary config check -f streams.yaml --connect',
  );

const hasErrors = ({ problems, findings }: Checked): boolean =>
  problems.length > 0 || findings.some(({ severity }: Finding) => severity === 'error');

const schema = (io: Io): Command =>
  examples(
    command(io, 'schema', 'print the JSON Schema of a configuration, for editors').action((options: CommonOptions) => {
      emit(io, options.format, jsonSchema(), (data) => JSON.stringify(data, null, 2));
    }),
    'tributary config schema > tributary.schema.json',
    '# and in the first line of streams.yaml:',
    '# yaml-language-server: $schema=./tributary.schema.json',
  );
