import { Command } from 'commander';
import { scrub } from '../../telemetry/scrub';
import type { Io } from '../io';
import { formatOption, profileOption, type TemporalOptions } from '../options';
import { connectTemporal, type Temporal } from '../temporal';
import { version } from '../version';

/** A command with what all of them have: --help, --version, --format, --verbose. */
export function command(io: Io, name: string, description: string): Command {
  return (
    new Command(name)
      .description(description)
      .version(version(), '-V, --version', 'print the version')
      .addOption(formatOption())
      .option('--verbose', 'print stack traces with errors')
      .helpOption('-h, --help', 'print this help')
      .showHelpAfterError(`(${name} --help shows how to use it)`)
      .exitOverride()
      // An option belongs to the command that it follows.
      .enablePositionalOptions()
      .hook('preAction', inheritOptions)
      .configureOutput({
        writeOut: (text) => void io.out.write(text),
        writeErr: (text) => void io.err.write(scrub(text)),
        getOutHasColors: () => io.paint.isColorSupported,
        getErrHasColors: () => io.paint.isColorSupported,
      })
  );
}

/** `tributary --format json streams list` is `tributary streams list --format json`. */
function inheritOptions(parent: Command, action: Command): void {
  for (const name of ['format', 'verbose']) {
    if (parent.getOptionValueSource(name) === 'cli' && action.getOptionValueSource(name) !== 'cli') {
      action.setOptionValueWithSource(name, parent.getOptionValue(name), 'cli');
    }
  }
}

/** A command that talks to Temporal. */
export const temporalCommand = (io: Io, name: string, description: string): Command =>
  command(io, name, description).addOption(profileOption());

export const withTemporal = async <T>(
  io: Io,
  options: TemporalOptions,
  work: (temporal: Temporal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> => {
  await using temporal = await connectTemporal({
    env: io.env,
    profile: options.profile,
    ...(signal === undefined ? {} : { signal }),
  });
  return await work(temporal);
};
