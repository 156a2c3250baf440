import { type Command, Option } from 'commander';
import type { StreamSpec } from '../../config/schema';
import type { Destination } from '../../core/ports/destination';
import type { DeadLetterFilter, DeadLetterSummary, DeadLetterState } from '../../core/model/dead-letter';
import { confirm } from '../confirm';
import { CliError } from '../failure';
import type { Io } from '../io';
import { destinationOf, namingStream } from '../dead-letters/destination';
import { replay, type Told } from '../dead-letters/replay';
import { shown } from '../dead-letters/shown';
import { examples, type TemporalOptions, whole } from '../options';
import { emit, remark } from '../output';
import { deadLetterDetails, deadLettersTable, replayLine } from '../render/dead-letters';
import { count } from '../render/text';
import { specInFile, specOf } from '../streams/spec';
import { command, temporalCommand, withTemporal } from './command';

interface DeadLetterOptions extends TemporalOptions {
  readonly stream: string;
  readonly file?: string;
  readonly namespace?: string;
  readonly reason?: string;
}

/** Enough to say how many; beyond it, that they are more. */
const COUNTED = 10_000;

export const deadLettersCommand = (io: Io): Command =>
  command(io, 'dead-letters', 'see, replay and drop changes that the destination rejected')
    .addCommand(list(io))
    .addCommand(show(io))
    .addCommand(replayCommand(io))
    .addCommand(drop(io));

/** What all of them take. */
const letters = (io: Io, name: string, description: string): Command =>
  temporalCommand(io, name, description).requiredOption('--stream <id>', 'the stream');

const local = (made: Command): Command =>
  made.option('-f, --file <file>', 'the configuration that names the destination; asked of the stream when left out');

const filtered = (made: Command): Command =>
  made
    .option('--namespace <name>', 'only of this namespace, as the source names it')
    .option('--reason <code>', 'only those rejected for this reason, such as duplicate_key');

const specFrom = (io: Io, options: DeadLetterOptions): Promise<StreamSpec> =>
  options.file === undefined
    ? withTemporal(io, options, (temporal) => specOf(temporal, options.stream))
    : Promise.resolve(specInFile(options.file, options.stream));

async function atDestination<T>(io: Io, options: DeadLetterOptions, work: (at: Destination) => Promise<T>): Promise<T> {
  await using destination = await destinationOf(await specFrom(io, options));
  return await work(destination).catch(namingStream(options.stream));
}

const criteria = ({ namespace, reason }: DeadLetterOptions, ids: readonly string[]) => ({
  ...(namespace !== undefined && { namespace }),
  ...(reason !== undefined && { code: reason }),
  ...(ids.length > 0 && { ids }),
});

/** A source's token may hold the key, which a list does not show. */
const withoutPosition = ({ position: _position, ...rest }: DeadLetterSummary): Omit<DeadLetterSummary, 'position'> =>
  rest;

const list = (io: Io): Command =>
  examples(
    filtered(local(letters(io, 'list', 'list the dead letters of a stream, oldest first; shows no data')))
      .addOption(
        new Option('--state <state>', 'which of them')
          .choices(['open', 'superseded', 'dropped', 'all'])
          .default('open'),
      )
      .option('--limit <n>', 'at most so many', whole, 100)
      .action(async (options: DeadLetterOptions & { state: DeadLetterState | 'all'; limit: number }) => {
        const { stream, state, limit } = options;
        const filter: DeadLetterFilter = { stream, ...criteria(options, []), ...(state !== 'all' && { state }) };
        const found = await atDestination(io, options, (at) => at.deadLetters(filter, limit + 1, io.interrupted()));
        const listed = found.slice(0, limit).map(withoutPosition);
        emit(io, options.format, listed, (data) => deadLettersTable(data, found.length > limit, io));
      }),
    'tributary dead-letters list --stream orders',
    'tributary dead-letters list --stream orders --reason duplicate_key --format json',
  );

const show = (io: Io): Command =>
  examples(
    local(letters(io, 'show', 'show one dead letter, with its key and its row'))
      .argument('<dead-letter>', 'its id')
      .option('--canonical', 'every value with its type (canonical Extended JSON)')
      .action(async (id: string, options: DeadLetterOptions & { canonical?: true }) => {
        const { stream } = options;
        const letter = await atDestination(io, options, (at) => at.deadLetter(stream, id, io.interrupted()));
        if (letter === null)
          throw new CliError(
            `stream ${stream} has no dead letter ${id}`,
            `see \`tributary dead-letters list --stream ${stream} --state all\``,
          );
        const data = shown(letter, { canonical: options.canonical === true });
        emit(io, options.format, data, (each) => deadLetterDetails(each, io));
      }),
    'tributary dead-letters show 0f3c… --stream orders',
  );

const replayCommand = (io: Io): Command =>
  examples(
    filtered(letters(io, 'replay', 'have the stream copy these rows again, as the source has them by now'))
      .argument('[dead-letter...]', 'ids; all open ones that match when left out')
      .action(async (ids: string[], options: DeadLetterOptions) => {
        const { stream } = options;
        const signal = io.interrupted();
        const telling = { tell: teller(io), say: (line: string): void => remark(io, line) };
        const replayed = await withTemporal(io, options, (temporal) =>
          replay(temporal, stream, criteria(options, ids), telling, signal),
        );
        emit(io, options.format, replayed, replayLine);
        const { refused, untouched } = replayed;
        if (refused + untouched > 0)
          throw new CliError(
            `${count(refused + untouched)} dead letters of ${stream} are still open`,
            `see why with \`tributary dead-letters list --stream ${stream}\``,
          );
      }),
    'tributary dead-letters replay --stream orders',
    'tributary dead-letters replay --stream orders --namespace shop.orders',
  );

/** Says on standard error how far it is, and why it waits, whenever that changes. */
function teller(io: Io): (told: Told) => void {
  let last = '';
  return ({ progress, waits }) => {
    const line = [progress === null ? 'beginning' : replayLine(progress), ...(waits === null ? [] : [waits])].join(
      '; ',
    );
    if (line !== last) remark(io, line);
    last = line;
  };
}

const drop = (io: Io): Command =>
  examples(
    filtered(local(letters(io, 'drop', 'close dead letters without writing anything; their rows stay as they are')))
      .argument('[dead-letter...]', 'ids; all open ones that match when left out')
      .option('-y, --yes', 'do not ask')
      .action(async (ids: string[], options: DeadLetterOptions & { yes?: true }) => {
        const { stream } = options;
        const filter: DeadLetterFilter = { stream, state: 'open', ...criteria(options, ids) };
        const signal = io.interrupted();
        const dropped = await atDestination(io, options, async (at) => {
          const found = (await at.deadLetters(filter, COUNTED, signal)).length;
          if (found > 0 && options.yes !== true) await confirmDrop(stream, found, signal);
          return found === 0 ? 0 : at.dropDeadLetters(filter, signal);
        });
        emit(
          io,
          options.format,
          { stream, dropped },
          (data) => `${count(data.dropped)} dead letters of ${stream} dropped`,
        );
      }),
    'tributary dead-letters drop 0f3c… --stream orders',
    'tributary dead-letters drop --stream orders --reason too_large --yes',
  );

function confirmDrop(stream: string, found: number, signal: AbortSignal): Promise<void> {
  const many = `${found === COUNTED ? `${count(found)} or more` : count(found)} dead letters of ${stream}`;
  const question = {
    question: `Drop ${many}? Their rows stay behind the source until they change.`,
    would: `${many} would be dropped`,
    declined: 'nothing was dropped',
  };
  return confirm(question, signal);
}
