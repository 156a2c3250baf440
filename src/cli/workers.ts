import { join } from 'node:path';
import { Child } from '../servers/child';
import type { Io } from './io';
import type { Temporal } from './temporal';

export interface WorkerProcess {
  readonly io: Io;
  readonly temporal: Pick<Temporal, 'address' | 'namespace' | 'taskQueue'>;
  readonly profile?: string | undefined;
  readonly file: string;
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A worker in a process of its own, which ends with this one; it runs the file's streams but does not apply the file. */
export const startWorkerProcess = ({ io, temporal, profile, file, logFile, env }: WorkerProcess): Promise<Child> =>
  Child.start({
    file: process.execPath,
    args: [io.script, 'worker', '-f', file, '--no-apply'],
    env: {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      TRIBUTARY_TASK_QUEUE: temporal.taskQueue,
      ...(profile === undefined ? {} : { TEMPORAL_PROFILE: profile }),
      ...env,
    },
    logFile,
  });

/** Where `up` and `demo` keep their files. */
export const homeDirectory = (env: NodeJS.ProcessEnv, ...parts: readonly string[]): string =>
  join(env['TRIBUTARY_HOME'] ?? '.tributary', ...parts);
