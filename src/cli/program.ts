import type { Command } from 'commander';
import { applyCommand } from './commands/apply';
import { command } from './commands/command';
import { completeCommand, completionCommand } from './commands/completion';
import { configCommand } from './commands/config';
import { deadLettersCommand } from './commands/dead-letters';
import { demoCommand } from './commands/demo';
import { streamsCommand } from './commands/streams';
import { upCommand } from './commands/up';
import { verifyCommand } from './commands/verify';
import { workerCommand } from './commands/worker';
import type { Io } from './io';
import { examples } from './options';

export const program = (io: Io): Command =>
  examples(
    command(io, 'tributary', 'Durable database replication on Temporal.')
      .addCommand(applyCommand(io))
      .addCommand(streamsCommand(io))
      .addCommand(verifyCommand(io))
      .addCommand(deadLettersCommand(io))
      .addCommand(configCommand(io))
      .addCommand(workerCommand(io))
      .addCommand(upCommand(io))
      .addCommand(demoCommand(io))
      .addCommand(completionCommand(io))
      .addCommand(completeCommand(io), { hidden: true }),
    'tributary demo                      see it work: nothing to configure',
    'tributary up -f streams.yaml        all in one process tree, for a laptop',
    'tributary apply -f streams.yaml     with a Temporal server and workers of your own',
  ).addHelpText(
    'after',
    `
Environment:
  TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_*, TEMPORAL_PROFILE
                         the connection to Temporal, as its own tools read them
  TRIBUTARY_TASK_QUEUE   task queue of workers and streams (tributary)
  TRIBUTARY_HOME         where up and demo keep their files (.tributary)
  NO_COLOR, DEBUG        no colours; stack traces with errors

Exit status: 0 done, 1 failed, 2 wrong usage.`,
  );
