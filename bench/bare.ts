import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BSON, type MongoClient } from 'mongodb';
import type { Contender } from './contender';

/** The bare driver loop. `hold` ends its process, `go` starts one at the place where it was held. */
export function bareLoop(
  source: MongoClient,
  target: MongoClient,
  uris: { readonly source: string; readonly target: string },
): Contender {
  const database = 'bench_bare';
  let child: ChildProcess | undefined;
  let token: string | undefined;
  const end = async (): Promise<void> => {
    if (!child || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  };
  return {
    name: 'bare driver loop',
    source: source.db(database),
    target: target.db(database),
    get pid() {
      return child?.pid ?? 0;
    },
    hold: async () => {
      await end();
      const stream = source.db(database).watch([], { maxAwaitTimeMS: 100 });
      await stream.tryNext();
      token = BSON.EJSON.stringify(stream.resumeToken);
      await stream.close();
    },
    go: async () => {
      child = fork(join(__dirname, 'bare-loop.ts'), [uris.source, uris.target, database, database], {
        execArgv: ['-r', '@swc-node/register'],
        env: { ...process.env, ...(token !== undefined && { RESUME_TOKEN: token }) },
      });
      await once(child, 'message');
    },
    [Symbol.asyncDispose]: end,
  };
}
