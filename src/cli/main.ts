import { CommanderError } from 'commander';
import { scrub } from '../telemetry/scrub';
import { explain } from './explain';
import { CliError, EXIT, type ExitStatus } from './failure';
import type { Io } from './io';
import { program } from './program';

/** Runs one command line to its exit status. */
export async function main(argv: readonly string[], io: Io): Promise<ExitStatus> {
  try {
    await program(io).parseAsync(argv, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    // commander has printed its message; anything but an answered --help or --version is wrong usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    report(io, error, argv);
    return error instanceof CliError ? error.status : EXIT.failed;
  }
}

function report(io: Io, error: unknown, argv: readonly string[]): void {
  const { message, remedy } = explain(error);
  io.err.write(`${io.paint.red('error:')} ${message}\n`);
  if (remedy !== '') io.err.write(`  ${remedy}\n`);
  const verbose = argv.includes('--verbose') || (io.env['DEBUG'] ?? '') !== '';
  if (verbose && error instanceof Error) io.err.write(scrub(`${error.stack ?? ''}\n${causes(error)}`));
}

function causes(error: Error): string {
  return error.cause instanceof Error
    ? `caused by ${error.cause.stack ?? error.cause.message}\n${causes(error.cause)}`
    : '';
}
