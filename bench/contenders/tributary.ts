import type { BenchStream, StreamSettings } from '../lab/stream';
import type { Scope } from '../lab/scope';
import { TRIBUTARY, type Contender } from './contender';

export interface Tributary extends Contender {
  readonly stream: BenchStream;
}

/** The product: a worker process, Temporal, a stream at default settings unless told otherwise. */
export async function tributary(
  scope: Scope,
  settings: Pick<StreamSettings, 'settings' | 'lanes'> = {},
): Promise<Tributary> {
  const { servers } = scope;
  const database = scope.unique('stream');
  await servers.source.db(database).createCollection('orders');
  const worker = await scope.sharedWorker();
  const stream = await scope.stream({ id: database, queue: worker.queue, database, ...settings });
  return {
    name: TRIBUTARY,
    stream,
    source: servers.source.db(database),
    target: servers.target.db(database),
    pid: worker.pid,
    hold: () => stream.pause(),
    go: () => stream.resume(),
    trouble: () => stream.trouble(),
  };
}
