#!/usr/bin/env node
import { processIo } from './cli/io';
import { main } from './cli/main';

// A reader that went away (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const io = processIo(__filename, () => process.exit(130));
// Ended, not left to end: what a command has left open, such as Temporal's native core after a worker's failed start, would
// keep the process for ever, deaf to signals. What was printed goes out first.
void main(process.argv.slice(2), io).then((status) => {
  process.stdout.write('', () => process.exit(status));
});
