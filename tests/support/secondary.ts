import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Secondary extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

const YES = 1;
const NO = 0;
const flag = (name: string, value: number): Buffer =>
  Buffer.from(`\x08${name}\0${String.fromCharCode(value)}`, 'latin1');

/**
 * Stands before a primary, and presents it as a secondary of a replica set that has no other member. The embedded servers have
 * no secondaries; everything but the roles in `hello` is the server's own.
 */
export async function secondary(primary: string): Promise<Secondary> {
  const { hostname, port } = new URL(primary);
  const sockets = new Set<Socket>();
  let self = '';
  const disguised = (chunk: Buffer): Buffer => {
    let text = chunk.toString('latin1');
    const replace = (from: Buffer, to: Buffer): void =>
      void (text = text.replaceAll(from.toString('latin1'), to.toString('latin1')));
    for (const name of ['isWritablePrimary', 'ismaster']) replace(flag(name, YES), flag(name, NO));
    replace(flag('secondary', NO), flag('secondary', YES));
    // The driver would go to the member itself.
    return Buffer.from(text.replaceAll(`${hostname}:${port}`, self), 'latin1');
  };
  const server = createServer((client) => {
    const upstream = connect({ host: hostname, port: Number(port) });
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => client.write(disguised(chunk)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  self = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  if (self.length !== `${hostname}:${port}`.length) throw new Error('both ports have to be equally long');
  return {
    host: self,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
