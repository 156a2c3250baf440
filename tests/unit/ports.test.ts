import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { freePort, onFreePorts } from '../../src/servers/ports';

const listening = async (port = 0): Promise<Server> => {
  const server = createServer().listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  return server;
};

test('a free port is none that the system gives to a connection, which would be in the way of its server', async () => {
  for (let i = 0; i < 20; i += 1) expect(await freePort()).toBeLessThan(32_768);
});

test('a wanted port is taken if it is free, else another one', async () => {
  const wanted = await freePort();
  expect(await freePort(wanted)).toBe(wanted);
  await using _taken = await listening(wanted);
  expect(await freePort(wanted)).not.toBe(wanted);
});

describe('a start on free ports', () => {
  it('is tried again on other ports when one is taken before it is bound', async () => {
    const tried: number[][] = [];
    const others: Server[] = [];
    await using server = await onFreePorts([undefined, undefined], async (first, second) => {
      tried.push([first, second]);
      // Another process is quicker, twice.
      if (tried.length < 3) others.push(await listening(second));
      return listening(second);
    });
    for (const other of others) await other[Symbol.asyncDispose]();
    expect(tried).toHaveLength(3);
    expect((server.address() as AddressInfo).port).toBe(tried[2]?.[1]);
    expect(new Set(tried.flat()).size).toBe(6);
  });

  it('is tried again when the server says that a port of its own choice was taken', async () => {
    let tries = 0;
    const start = (): Promise<string> => {
      tries += 1;
      return tries < 2 ? Promise.reject(new Error('listen tcp: bind: address already in use')) : Promise.resolve('up');
    };
    expect(await onFreePorts([undefined], start)).toBe('up');
    expect(tries).toBe(2);
  });

  it('fails at once for any other reason, and at last when every port is taken', async () => {
    const start = jest.fn(() => Promise.reject(new Error('no such program')));
    await expect(onFreePorts([undefined], start)).rejects.toThrow('no such program');
    expect(start).toHaveBeenCalledTimes(1);
    const taken = jest.fn(() => Promise.reject(new Error('EADDRINUSE')));
    await expect(onFreePorts([undefined], taken)).rejects.toThrow('EADDRINUSE');
    expect(taken).toHaveBeenCalledTimes(4);
  });
});
