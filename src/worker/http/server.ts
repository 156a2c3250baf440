import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SettingsError } from '../settings';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** By path; anything else is a 404. */
export type Routes = Readonly<Record<string, () => Answer | Promise<Answer>>>;

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

export interface ListenOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly host: string | undefined;
  /** The setting to change when the port is taken. */
  readonly setting: string;
}

function serve(routes: Routes): Server {
  return createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    const answer = async (): Promise<Answer> => {
      if (route === undefined) return { status: 404, body: 'not found\n' };
      if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'GET only\n' };
      return route();
    };
    answer().then(
      ({ status, body, type = 'text/plain; charset=utf-8' }) =>
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body),
      (error: unknown) => response.writeHead(500).end(`${error instanceof Error ? error.message : 'failed'}\n`),
    );
  });
}

const OF_THE_PORT = new Set(['EADDRINUSE', 'EACCES']);
const OF_THE_HOST = new Set(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EAFNOSUPPORT', 'EINVAL']);

function unusable(error: NodeJS.ErrnoException, port: number, host: string | undefined, setting: string): Error {
  const { code = '' } = error;
  if (OF_THE_PORT.has(code)) {
    return new SettingsError(
      `port ${port} cannot be used (${code}); set service.${setting} or TRIBUTARY_${setting.toUpperCase()} to another one, or to 0 for any free port`,
    );
  }
  if (host !== undefined && OF_THE_HOST.has(code)) {
    return new SettingsError(`TRIBUTARY_HTTP_HOST: ${host} is no address of this machine (${code})`);
  }
  return error;
}

export async function listen(routes: Routes, { port, host, setting }: ListenOptions): Promise<HttpServer> {
  const server = serve(routes);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(unusable(error, port, host, setting)));
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The text of a page of this machine. */
export const read = (url: string, timeoutMs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = get(url, { timeout: timeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', reject);
  });
