import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** What may stand at the end of a command line: candidates, or the names of files. */
export type Completion = readonly Candidate[] | 'files';

/** Asks for the ids of streams; only where one may stand. */
export type StreamIds = () => Promise<readonly string[]>;

/** Where a command line has come to before its last word. */
interface Place {
  readonly command: Command;
  /** The option whose value comes next. */
  readonly option: Option | undefined;
  /** Arguments of the command that are there already. */
  readonly given: number;
}

const takesValue = (option: Option): boolean => option.required || option.optional;

const optionOf = (command: Command, word: string): Option | undefined =>
  command.options.find(({ long, short }) => word === long || word === short);

function placeOf(root: Command, words: readonly string[]): Place {
  let place: Place = { command: root, option: undefined, given: 0 };
  for (const word of words) {
    const { command, option, given } = place;
    if (option !== undefined) place = { command, option: undefined, given };
    else if (word.startsWith('-')) {
      const named = optionOf(command, word);
      place = { command, option: named !== undefined && takesValue(named) ? named : undefined, given };
    } else {
      const inner = command.commands.find((each) => each.name() === word);
      place = { command: inner ?? command, option: undefined, given: inner === undefined ? given + 1 : 0 };
    }
  }
  return place;
}

const plain = (values: readonly string[]): readonly Candidate[] => values.map((value) => ({ value, description: '' }));

async function valuesOf(option: Option, ids: StreamIds): Promise<Completion> {
  if (option.argChoices !== undefined) return plain(option.argChoices);
  if (option.long === '--file') return 'files';
  return option.long === '--stream' ? plain(await ids()) : [];
}

async function argumentsOf(argument: Argument | undefined, ids: StreamIds): Promise<readonly Candidate[]> {
  if (argument === undefined) return [];
  if (argument.argChoices !== undefined) return plain(argument.argChoices);
  return argument.name() === 'id' ? plain(await ids()) : [];
}

const optionsOf = (command: Command): readonly Candidate[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long == null ? [] : [{ value: long, description }]));

const commandsOf = (command: Command): readonly Candidate[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((each) => ({ value: each.name(), description: each.description() }));

/** What the last of these words may become. The words are those behind `tributary`; the last one may be empty. */
export async function complete(root: Command, words: readonly string[], ids: StreamIds): Promise<Completion> {
  const typed = words.at(-1) ?? '';
  const { command, option, given } = placeOf(root, words.slice(0, -1));
  const last = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[given] ?? (last?.variadic === true ? last : undefined);
  const found =
    option !== undefined
      ? await valuesOf(option, ids)
      : typed.startsWith('-')
        ? optionsOf(command)
        : [...(given === 0 ? commandsOf(command) : []), ...(await argumentsOf(argument, ids))];
  return found === 'files' ? found : found.filter(({ value }) => value.startsWith(typed));
}
