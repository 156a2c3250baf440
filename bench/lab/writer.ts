import type { Fill } from '../load/fill';
import type { Pace } from '../load/pace';
import type { Workload } from '../load/workload';
import type { Scope } from './scope';

/** The process that writes at the source. */
export interface Writer {
  changes(database: string, workload: Workload): Promise<void>;
  fill(database: string, what: Fill): Promise<void>;
  /** Answers when it is over: after its seconds, or after `stop`. */
  pace(pace: Pace): Promise<number>;
  stop(): Promise<void>;
}

export async function writer(scope: Scope): Promise<Writer> {
  const helper = await scope.helper('writer');
  await helper.call('open', scope.servers.uris.source);
  return {
    changes: (database, workload) => helper.call('changes', { database, ...workload }),
    fill: (database, what) => helper.call('fill', { database, ...what }),
    pace: (pace) => {
      const written = helper.call<number>('pace', pace);
      // Awaited when it is told to stop; a failure must not count as unhandled until then.
      written.catch(() => undefined);
      return written;
    },
    stop: () => helper.call('stop'),
  };
}
