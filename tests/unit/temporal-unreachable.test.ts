import { unreachable } from '../../src/temporal/unreachable';

const native = (message: string, source: string): Error =>
  new Error(`Failed to call GetSystemInfo: code: '${message}', message: "${message}", source: ${source}`);

/** What the worker's client says of one server that hangs up: which of them depends on how far the connection was (measured). */
const HUNG_UP: readonly (readonly [string, string])[] = [
  ['transport error', 'tonic::transport::Error(Transport, hyper::Error(Io, Kind(ConnectionReset)))'],
  [
    'transport error',
    'tonic::transport::Error(Transport, hyper::Error(Io, Custom { kind: BrokenPipe, error: "stream closed because of a broken pipe" }))',
  ],
  ['operation was canceled', 'tonic::transport::Error(Transport, hyper::Error(Canceled, "connection closed"))'],
  ['operation was canceled', 'tonic::transport::Error(Transport, hyper::Error(Canceled, "connection was not ready"))'],
];

test.each(HUNG_UP)('%s, %s: what listens there hangs up', (message, source) => {
  expect(unreachable(native(message, source), { tls: false })).toMatchObject({
    reason: 'what listens there does not speak plain gRPC',
    final: false,
    silent: false,
  });
});

test('a call that the client gives up was not answered', () => {
  const error = native('Timeout expired', 'tonic::transport::Error(Transport, TimeoutExpired(()))');
  expect(unreachable(error, { tls: false })).toMatchObject({ reason: 'no answer in time', silent: true });
});
