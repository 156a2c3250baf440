import type { Command } from 'commander';
import { confirm } from '../confirm';
import type { Io } from '../io';
import { examples, type TemporalOptions } from '../options';
import { emit } from '../output';
import { forgottenText, recordsOf } from '../render/forget';
import { type Forgotten, forgetStream } from '../streams/forget';
import { count } from '../render/text';
import { temporalCommand, withTemporal } from './command';

interface ForgetCommandOptions extends TemporalOptions {
  readonly file?: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

export const forgetCommand = (io: Io): Command =>
  examples(
    temporalCommand(io, 'forget', 'remove a stream that has ended: its records, dead letters and schedule; rows stay')
      .argument('<id>', 'stream id')
      .option('-f, --file <file>', 'the configuration that names the destination; asked of Temporal when left out')
      .option('--dry-run', 'show what would be removed, and remove nothing')
      .option('-y, --yes', 'do not ask')
      .action(async (id: string, options: ForgetCommandOptions) => {
        const signal = io.interrupted();
        const asked = {
          file: options.file,
          dryRun: options.dryRun === true,
          confirm: (plan: Forgotten) => (options.yes === true ? Promise.resolve() : confirmForget(plan, signal)),
        };
        const forgotten = await withTemporal(io, options, (temporal) => forgetStream(temporal, id, asked, signal));
        emit(io, options.format, forgotten, (data) => forgottenText(data, io));
      }),
    'tributary streams forget orders --dry-run',
    'tributary streams forget orders',
    'tributary streams forget orders -f streams.yaml --yes',
  );

function confirmForget(plan: Forgotten, signal: AbortSignal): Promise<void> {
  const total = `${count(recordsOf(plan))} records of ${plan.stream}`;
  const { deadLetters } = plan.removed;
  const letters = deadLetters === 0 ? '' : `, ${count(deadLetters)} dead letters among them,`;
  const question = {
    question: `Remove ${total}${letters} for good? Rows stay. A new stream of this id begins with a copy.`,
    would: `${total}${letters} would be removed`,
    declined: 'nothing was removed',
  };
  return confirm(question, signal);
}
