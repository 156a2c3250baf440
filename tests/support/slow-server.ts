import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { commandOf, Framer, statementsOf } from '../chaos/wire';

/** What the server is slow about. */
export interface Slowness {
  /** Each statement of an insert, an update or a delete takes so long. */
  msPerStatement: number;
  /** Replies to these commands come so late; what they ask for is done at once. */
  readonly lateReplies: Map<string, number>;
  /** The next of these commands does not get there: its connection is closed after so long. */
  readonly lost: Map<string, number>;
}

/** Between a stream and a server: holds writes up for as long as a slow server would work on them. */
export interface SlowServer extends Slowness, AsyncDisposable {
  readonly uri: string;
  /** Statements of each write that reached the server, in order. */
  readonly steps: number[];
}

const WRITES = new Set(['insert', 'update', 'delete']);
export async function slowServer(uri: string): Promise<SlowServer> {
  const { hostname, port } = new URL(uri);
  const sockets = new Set<Socket>();
  const steps: number[] = [];
  const slowness: Slowness = { msPerStatement: 0, lateReplies: new Map(), lost: new Map() };
  const accept = (client: Socket): void => {
    const server = connect({ host: hostname, port: Number(port), noDelay: true });
    const [requests, replies] = [new Framer(), new Framer()];
    const late = new Map<number, number>();
    let [forward, back] = [Promise.resolve(), Promise.resolve()];
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', end).on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on('data', (chunk) => {
      for (const message of requests.push(chunk)) {
        const command = commandOf(message);
        const statements = WRITES.has(command) ? statementsOf(message) : 0;
        const lateMs = slowness.lateReplies.get(command);
        if (lateMs !== undefined) late.set(message.requestId, lateMs);
        const lostMs = slowness.lost.get(command);
        slowness.lost.delete(command);
        if (lostMs !== undefined) {
          setTimeout(end, lostMs).unref();
          continue;
        }
        const send = async (): Promise<void> => {
          if (statements > 0) await wait(statements * slowness.msPerStatement);
          // A server gives up what a client that is gone has asked for.
          if (client.destroyed) return;
          if (statements > 0) steps.push(statements);
          server.write(message.bytes);
        };
        forward = forward.then(send);
      }
    });
    server.on('data', (chunk) => {
      for (const message of replies.push(chunk)) {
        const send = async (): Promise<void> => {
          await wait(late.get(message.responseTo) ?? 0);
          if (!client.destroyed) client.write(message.bytes);
        };
        back = back.then(send);
      }
    });
  };
  const listener = createServer({ noDelay: true }, accept);
  await new Promise<void>((resolve) => listener.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const own = new URL(uri);
  own.port = String((listener.address() as AddressInfo).port);
  // What the replica set says of its members would lead past this.
  own.searchParams.delete('replicaSet');
  own.searchParams.set('directConnection', 'true');
  return Object.assign(slowness, {
    steps,
    uri: own.toString(),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  });
}

const wait = (ms: number): Promise<void> | undefined =>
  ms === 0 ? undefined : new Promise((resolve) => void setTimeout(resolve, ms).unref());
