import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { commandOf, errorCodeOf, Framer, statementsOf, type Message } from './wire';

export type Action = 'pass' | 'drop_reply' | 'truncate' | 'hold';

/** Asked about every request while it is set. */
export type Rule = (command: string) => Action;

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** Requests whose replies the client does not get. */
  readonly unanswered: Set<number>;
  /** Each direction delivers in order, late ones included. */
  toServer: Promise<void>;
  toClient: Promise<void>;
  /** What is delivered on `release`, even when the client is gone by then. */
  held: Buffer[];
  /** The way of one of several clients. */
  readonly entrance: Entrance | null;
}

/** A way to the same server with a pace of its own. */
export interface Entrance {
  readonly port: number;
  /** Bytes wait for this long in each direction, or for the proxy's own delay where that is longer. */
  delayMs: number;
}

/**
 * Stands between the workers and one server, in the suite's own process. With `framed` it knows where messages of the
 * MongoDB wire protocol begin and end; without, it passes bytes.
 */
export class Proxy implements AsyncDisposable {
  readonly #links = new Set<Link>();
  readonly #servers: Server[] = [];
  readonly #target: number;
  readonly #framed: boolean;
  rule: Rule | null = null;
  /** Bytes wait for this long in each direction. */
  delayMs = 0;
  /** Writes wait for so long with each of their statements, as they would at a server that works on them. */
  msPerStatement = 0;
  /** Nothing passes, and neither side is told. */
  stalled = false;
  /** No new connection gets through; those that are open are reset by `reset`. */
  refusing = false;
  /** Codes of errors that the server has answered with. */
  readonly codes = new Map<number, number>();
  /** What rules have done. */
  readonly done: Record<Exclude<Action, 'pass'>, number> = { drop_reply: 0, truncate: 0, hold: 0 };
  delayed = 0;
  /** Statements that `msPerStatement` has held up. */
  slowed = 0;

  private constructor(target: number, framed: boolean) {
    this.#target = target;
    this.#framed = framed;
  }

  static async open(target: number, options: { readonly framed: boolean }): Promise<Proxy> {
    const proxy = new Proxy(target, options.framed);
    await proxy.#listen(null);
    return proxy;
  }

  get port(): number {
    return portOf(this.#servers[0]);
  }

  /** One more way in. */
  async entrance(): Promise<Entrance> {
    const entrance = { port: 0, delayMs: 0 };
    entrance.port = portOf(await this.#listen(entrance));
    return entrance;
  }

  async #listen(entrance: Entrance | null): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client, entrance));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    this.#servers.push(server);
    return server;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** How often the server has answered with this error. */
  answered(code: number): number {
    return this.codes.get(code) ?? 0;
  }

  /** Ends every connection in good manners on both sides; answers how many there were. */
  cut(): number {
    return this.#each(({ client, server }) => {
      client.destroy();
      server.destroy();
    });
  }

  reset(): number {
    return this.#each(({ client, server }) => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    });
  }

  /** The server's half of each connection ends: the worker may still send, and is not answered. */
  halfClose(): number {
    return this.#each((link) => {
      link.server.removeAllListeners('data');
      link.server.resume();
      link.client.end();
    });
  }

  /** Held requests go to the server, in order; answers how many there were. */
  release(): number {
    let released = 0;
    for (const link of this.#links) {
      for (const bytes of link.held.splice(0)) {
        link.server.write(bytes);
        released += 1;
      }
    }
    return released;
  }

  get held(): number {
    let held = 0;
    for (const link of this.#links) held += link.held.length;
    return held;
  }

  #each(end: (link: Link) => void): number {
    const links = [...this.#links];
    for (const link of links) end(link);
    return links.length;
  }

  #accept(client: Socket, entrance: Entrance | null): void {
    if (this.refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port: this.#target, allowHalfOpen: true, noDelay: true });
    // Nothing is waited for at the end of the process but what others wait for.
    for (const socket of [client, server]) socket.unref();
    const settled = Promise.resolve();
    const link: Link = {
      client,
      server,
      unanswered: new Set(),
      toServer: settled,
      toClient: settled,
      held: [],
      entrance,
    };
    this.#links.add(link);
    const ended = (): void => {
      if (client.destroyed && server.destroyed) this.#links.delete(link);
    };
    client
      .on('error', () => undefined)
      .on('close', () => {
        ended();
        // What was sent before the client died is on its way still.
        if (link.held.length === 0) void link.toServer.then(() => server.destroy());
      });
    server
      .on('error', () => undefined)
      .on('close', () => {
        ended();
        void link.toClient.then(() => client.destroy());
      });
    client.on('end', () => {
      if (link.held.length === 0) void link.toServer.then(() => server.end());
    });
    server.on('end', () => void link.toClient.then(() => client.end()));
    if (this.#framed) this.#framedPair(link);
    else this.#plainPair(link);
  }

  #plainPair(link: Link): void {
    link.client.on('data', (chunk) => this.#toServer(link, chunk));
    link.server.on('data', (chunk) => this.#toClient(link, chunk));
  }

  #framedPair(link: Link): void {
    const requests = new Framer();
    const replies = new Framer();
    link.client.on('data', (chunk) => {
      for (const message of requests.push(chunk)) this.#request(link, message);
    });
    link.server.on('data', (chunk) => {
      for (const message of replies.push(chunk)) this.#reply(link, message);
    });
  }

  #request(link: Link, message: Message): void {
    // What follows a held request on its connection waits behind it.
    const action = link.held.length > 0 ? 'hold' : (this.rule?.(commandOf(message)) ?? 'pass');
    if (action !== 'pass') this.done[action] += 1;
    switch (action) {
      case 'hold':
        link.held.push(message.bytes);
        return;
      case 'truncate':
        link.server.write(message.bytes.subarray(0, Math.floor(message.bytes.length / 2)), () => {
          link.server.resetAndDestroy();
          link.client.resetAndDestroy();
        });
        return;
      case 'drop_reply':
        link.unanswered.add(message.requestId);
        break;
      case 'pass':
        break;
    }
    this.#toServer(link, message.bytes, this.#workMs(message));
  }

  #workMs(message: Message): number {
    if (this.msPerStatement === 0) return 0;
    const statements = statementsOf(message);
    this.slowed += statements;
    return statements * this.msPerStatement;
  }

  #reply(link: Link, message: Message): void {
    const code = errorCodeOf(message);
    if (code !== null) this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    if (link.unanswered.delete(message.responseTo)) {
      link.client.resetAndDestroy();
      link.server.destroy();
      return;
    }
    this.#toClient(link, message.bytes);
  }

  #toServer(link: Link, bytes: Buffer, workMs = 0): void {
    const send = (): unknown => !link.server.destroyed && link.server.write(bytes);
    link.toServer = this.#later(link, link.toServer, send, workMs);
  }

  #toClient(link: Link, bytes: Buffer): void {
    link.toClient = this.#later(link, link.toClient, () => !link.client.destroyed && link.client.write(bytes));
  }

  async #later({ entrance }: Link, before: Promise<void>, send: () => unknown, workMs = 0): Promise<void> {
    const delayMs = Math.max(this.delayMs, entrance?.delayMs ?? 0);
    if (delayMs > 0) this.delayed += 1;
    const due = delayMs > 0 ? new Promise((resolve) => setTimeout(resolve, delayMs)) : undefined;
    await before;
    await due;
    const done = performance.now() + workMs;
    // What was sent into a stalled network arrives when it moves again, and a server that is quick again is done at once.
    while (this.stalled || (this.msPerStatement > 0 && performance.now() < done)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    send();
  }

  /** Passes everything again. */
  heal(): void {
    this.rule = null;
    this.delayMs = 0;
    this.msPerStatement = 0;
    this.stalled = false;
    this.refusing = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.heal();
    this.reset();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

const portOf = (server: Server | undefined): number => (server?.address() as AddressInfo).port;
