import * as os from 'node:os';
import { MongoClient } from 'mongodb';

export interface CommandFault {
  readonly failCommands: readonly string[];
  readonly errorCode?: number;
  readonly closeConnection?: boolean;
  readonly blockConnection?: boolean;
  readonly blockTimeMS?: number;
  readonly errorLabels?: readonly string[];
  /** Reported after the write took effect. */
  readonly writeConcernError?: { readonly code: number; readonly errmsg: string };
}

/** A server that answers one stream's commands wrongly, late or not at all, until it is disposed. One per server at a time. */
export async function failPoint(
  uri: string,
  stream: string,
  fault: CommandFault,
  times?: number,
): Promise<AsyncDisposable> {
  const client = new MongoClient(uri, { runtimeAdapters: { os } });
  const configure = (mode: 'alwaysOn' | 'off' | { readonly times: number }, data?: object): Promise<unknown> =>
    client.db('admin').command({ configureFailPoint: 'failCommand', mode, ...(data && { data }) });
  await configure(times === undefined ? 'alwaysOn' : { times }, { ...fault, appName: `tributary/${stream}` });
  let over: Promise<unknown> | undefined;
  return {
    [Symbol.asyncDispose]: async () => {
      // A server that was restarted meanwhile has forgotten it.
      over ??= configure('off').finally(() => client.close());
      await over;
    },
  };
}
