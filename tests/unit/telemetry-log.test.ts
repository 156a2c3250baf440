import { trace, TraceFlags, context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { Secret } from '../../src/config/secret';
import { createLogger, logTo, type LogOptions } from '../../src/telemetry/log';
import { inScope } from '../../src/telemetry/scope';
import { scrub } from '../../src/telemetry/scrub';
import { temporalLogger } from '../../src/telemetry/temporal-logger';
import { strictJson } from '../support/strict-json';

async function lines(options: Partial<LogOptions> = {}) {
  const written: string[] = [];
  const logger = await createLogger({
    level: 'debug',
    format: 'json',
    base: { worker: 'w1' },
    destination: { write: (line) => void written.push(line) },
    ...options,
  });
  return {
    logger,
    text: () => written.join(''),
    objects: () => written.map(strictJson),
  };
}

test('a line has its event, its level, its time and the ids of where it was written', async () => {
  const out = await lines();
  const log = logTo(out.logger, { lane: 2 });
  inScope({ stream: 'orders', workflow: 'tributary/orders', run: 'r1', activity: 'pump', epoch: 7 }, () =>
    log('info', 'batch.applied', { batch: 12, changes: 100 }),
  );
  expect(out.objects()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      worker: 'w1',
      lane: 2,
      stream: 'orders',
      workflow: 'tributary/orders',
      run: 'r1',
      activity: 'pump',
      epoch: 7,
      event: 'batch.applied',
      batch: 12,
      changes: 100,
    },
  ]);
});

test('a name stands once in a line, wherever its value comes from', async () => {
  const out = await lines({ base: { worker: 'w1' } });
  const log = logTo(out.logger, { stream: 'orders', lane: 1 });
  inScope({ stream: 'orders', activity: 'pump' }, () => {
    log('info', 'bound');
    log('info', 'given', { stream: 'orders', activity: 'copy', lane: 2 });
    log('info', 'reserved', { level: 'high', time: 1, event: 'other', worker: 'w2' });
    temporalLogger(out.logger).info('x', { workflowId: 'tributary/orders', workflow: 'y', level: 'high' });
  });
  const [bound, given, reserved] = out.objects();
  expect(bound).toMatchObject({ stream: 'orders', lane: 1, activity: 'pump' });
  expect(given).toMatchObject({ stream: 'orders', lane: 2, activity: 'copy' });
  expect(reserved).toMatchObject({
    level: 'info',
    event: 'reserved',
    worker: 'w1',
    field_level: 'high',
    field_time: 1,
  });
  expect(() => strictJson('{"stream":"orders","lane":1,"stream":"orders"}')).toThrow(/unique/);
});

test('trace ids are on the line when a span is active', async () => {
  const out = await lines();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };
  context.with(trace.setSpanContext(context.active(), span), () => logTo(out.logger)('info', 'x'));
  logTo(out.logger)('info', 'y');
  context.disable();
  const [inside, outside] = out.objects();
  expect(inside).toMatchObject({ trace_id: span.traceId, span_id: span.spanId });
  expect(outside).not.toHaveProperty('trace_id');
});

test('no secret gets into a line, wherever it stands', async () => {
  const canary = 'c4n4ry"p@ss/w0rd';
  const uri = `mongodb://app:${canary}@db1:27017,db2:27017/shop?replicaSet=rs0`;
  for (const format of ['json', 'text'] as const) {
    const out = await lines({ format });
    const log = logTo(out.logger, { source: uri });
    log('warn', 'a', { uri, nested: { list: [uri, { password: canary }] }, connection_string: canary });
    log('error', 'b', { err: new Error(`cannot reach ${uri}`, { cause: new Error(uri) }), value: new Secret(canary) });
    log('info', 'c', { apiKey: canary, authorization: `Bearer ${canary}` });
    log('info', 'd', { position: { source: 'mongodb', token: { data: canary } }, resumeToken: canary });
    temporalLogger(out.logger).warn(`failed: ${uri}`, { error: new Error(uri) });
    expect(out.text()).not.toContain('c4n4ry');
    expect(out.text()).not.toContain('w0rd');
    expect(out.text()).toContain('db1:27017');
  }
});

test("a driver's error is told by its code, because its message may quote a key", async () => {
  const out = await lines();
  const error = Object.assign(new Error('E11000 duplicate key: { _id: "c4n4ry" }'), { code: 11000 });
  error.name = 'MongoServerError';
  logTo(out.logger)('error', 'x', { err: error });
  expect(out.text()).not.toContain('c4n4ry');
  expect(out.objects()[0]).toMatchObject({ err: { type: 'MongoServerError', code: 11000 } });
});

test('bytes are told by their number', async () => {
  const out = await lines();
  logTo(out.logger)('info', 'x', { row: Buffer.from('c4n4ry'), big: 1n });
  expect(out.objects()[0]).toMatchObject({ row: '<6 bytes>', big: '1' });
});

test("Temporal's lines have the same names, and its noise is quiet", async () => {
  const out = await lines();
  const temporal = temporalLogger(out.logger);
  temporal.info('Workflow completed', { workflowId: 'tributary/orders', runId: 'r1', taskToken: 'x', attempt: 1 });
  temporal.warn('gRPC call retried', { target: 'temporalio_client::retry' });
  temporal.warn('No workflows registered, not polling for workflow tasks', {});
  expect(out.objects()).toMatchObject([
    { level: 'info', event: 'temporal', stream: 'orders', workflow: 'tributary/orders', run: 'r1', attempt: 1 },
    { level: 'debug' },
    { level: 'debug' },
  ]);
  expect(out.text()).not.toContain('taskToken');
});

test("a workflow's event keeps its name and its fields, and a failure that lasts gets louder", async () => {
  const out = await lines();
  const temporal = temporalLogger(out.logger);
  const meta = {
    workflowId: 'tributary/orders',
    runId: 'r1',
    namespace: 'default',
    event: 'stream.failed',
    kind: 'retry',
  };
  for (const failures of [1, 3, 10]) temporal.info('stream.failed', { ...meta, code: 'unreachable', failures });
  temporal.info('stream.failed', { ...meta, kind: 'needs_attention', failures: 1 });
  temporal.info('stream.paused', { ...meta, event: 'stream.paused', epoch: 4 });
  expect(out.objects().map(({ level }) => level)).toEqual(['info', 'warn', 'error', 'error', 'info']);
  expect(out.objects()[0]).toMatchObject({ event: 'stream.failed', stream: 'orders', run: 'r1', code: 'unreachable' });
  expect(out.objects()[4]).toMatchObject({ event: 'stream.paused', workflow: 'tributary/orders', epoch: 4 });
  expect(out.text()).not.toContain('namespace');
});

test.each([
  ['mongodb://u:p@h/db', 'mongodb://***@h/db'],
  ['https://user:p%40ss@h:1/x and mongodb+srv://a:b@c', 'https://… and mongodb+srv://***@c'],
  [
    'mongodb://h/?tlsCertificateKeyFilePassword=abc&ssl=true',
    'mongodb://h/?tlsCertificateKeyFilePassword=***&ssl=true',
  ],
  ['no address, just me@example.org', 'no address, just me@example.org'],
])('scrub %s', (text, expected) => expect(scrub(text)).toBe(expected));
