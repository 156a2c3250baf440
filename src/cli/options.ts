import { type Command, InvalidArgumentError, Option } from 'commander';
import ms, { type StringValue } from 'ms';
import type { Format } from './output';

/** What every command understands. */
export interface CommonOptions {
  readonly format: Format;
  readonly verbose?: true;
}

export interface TemporalOptions extends CommonOptions {
  readonly profile?: string;
}

export const formatOption = (): Option =>
  new Option('--format <format>', 'how to print the result').choices(['table', 'json', 'yaml']).default('table');

export const profileOption = (): Option =>
  new Option('--profile <name>', "profile of Temporal's own configuration file").env('TEMPORAL_PROFILE');

export const fileOption = (): Option =>
  new Option('-f, --file <file>', 'the configuration, YAML or JSON').makeOptionMandatory();

export function duration(text: string): number {
  const value = /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text) ? ms(text as StringValue) : NaN;
  if (!(value > 0)) throw new InvalidArgumentError('Expected a duration such as 60s or 5m.');
  return value;
}

export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 86_400)) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

export function whole(text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1 && value <= 100_000))
    throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

/** Examples below the help, as a person would type them. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
