import { ServiceError } from './errors';
import type { Server, ServerSignal } from './server';

/** What every service that answers has, whatever it runs in. */
export interface Running extends AsyncDisposable {
  readonly provider: string;
  /** Of the server on this host; `undefined` in a container, elsewhere or not running. */
  readonly pid: number | undefined;
  /** Resolves when it has ended, with how: `signal SIGKILL`. Another one after each restart. */
  readonly ended: Promise<string>;
  kill(signal: ServerSignal): Promise<void>;
  /** Stops it if it still runs and starts it on the same ports with the same data. */
  restart(): Promise<void>;
}

/** A server that was started here, and is gone with all that it left when it is disposed. */
export function runningHere<T extends object>(
  what: T,
  {
    provider,
    server,
    remove,
  }: { readonly provider: string; readonly server: Server; readonly remove: () => Promise<void> },
): T & Running {
  return Object.defineProperties(
    {
      ...what,
      provider,
      pid: undefined,
      ended: server.ended,
      kill: (signal: ServerSignal) => server.kill(signal),
      restart: async () => {
        await server.stop();
        await server.start();
      },
      [Symbol.asyncDispose]: remove,
    },
    // Another one after each restart.
    {
      pid: { get: () => server.pid, enumerable: true },
      ended: { get: () => server.ended, enumerable: true },
    },
  );
}

/** A server that was started elsewhere, named by a variable of the environment. */
export function runningElsewhere<T extends object>(what: T, variable: string): T & Running {
  const refuse = () =>
    Promise.reject(new ServiceError(`the server in ${variable} was not started here, so it is not killed here`));
  return {
    ...what,
    provider: `the address in ${variable}`,
    pid: undefined,
    ended: new Promise<string>(() => undefined),
    kill: refuse,
    restart: refuse,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
