import { once } from 'node:events';
import { connect, constants, createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';

export interface TemporalProxy extends AsyncDisposable {
  readonly address: string;
}

/** A Temporal whose login may not make some calls: these are answered with PERMISSION_DENIED, all others by the server itself. */
export async function restrictedTemporal(address: string, denied: RegExp): Promise<TemporalProxy> {
  const upstream = connect(`http://${address}`);
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (denied.test(headers[':path'] ?? '')) {
      const refused = { 'grpc-status': '7', 'grpc-message': 'Request unauthorized.' };
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...refused }, { endStream: true });
      return;
    }
    const { [constants.HTTP2_HEADER_AUTHORITY]: _authority, ...rest } = headers;
    const asked = upstream.request(rest);
    asked.on('error', () => stream.destroy());
    stream.on('close', () => asked.close());
    asked.on('response', (answer: IncomingHttpHeaders, flags) => {
      const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      stream.respond(answer, { waitForTrailers: !endStream, endStream });
    });
    let trailers: IncomingHttpHeaders = {};
    asked.on('trailers', (sent: IncomingHttpHeaders) => (trailers = sent));
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.pipe(asked);
    asked.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      upstream.destroy();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
