import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sharedTemporal, uniqueName } from '../support/servers';
import { strictJson } from '../support/strict-json';

const DIST = join(__dirname, '../../dist');
const WAYS = [
  ['node dist/worker.js', [join(DIST, 'worker.js')]],
  ['tributary worker', [join(DIST, 'starter.js'), 'worker']],
] as const;
/** A start that hangs fails the test long before the test's own time is over. */
const AT_MOST_MS = 30_000;

let silent: Server;
let silentPort: number;
let directory: string;

beforeAll(async () => {
  execFileSync(process.execPath, [join(__dirname, '../../scripts/ensure-build.mjs')]);
  // Takes connections and never says a word.
  silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  silentPort = (silent.address() as AddressInfo).port;
  directory = await mkdtemp(join(tmpdir(), 'tributary-start-'));
});

afterAll(async () => {
  silent.close();
  await rm(directory, { recursive: true });
});

interface Ended {
  readonly status: number | null;
  readonly events: readonly string[];
  readonly err: string;
  readonly signalledMs: number | null;
}

/** Runs a worker until it ends; `signalAt` names the line of its log at which it gets a SIGTERM. */
async function start(command: readonly string[], env: NodeJS.ProcessEnv, signalAt?: string): Promise<Ended> {
  const { address, namespace } = sharedTemporal();
  const child = spawn(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      TRIBUTARY_TASK_QUEUE: uniqueName('queue'),
      TRIBUTARY_HTTP_HOST: '127.0.0.1',
      TRIBUTARY_HEALTH_PORT: '0',
      TRIBUTARY_METRICS_PORT: '0',
      ...env,
    },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), AT_MOST_MS);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const events: string[] = [];
  let err = '';
  let signalled: number | undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { event } = strictJson(line) as { event: string };
    events.push(event);
    if (event !== signalAt || signalled !== undefined) return;
    signalled = Date.now();
    child.kill('SIGTERM');
  });
  const [status] = await exited;
  clearTimeout(timer);
  return { status, events, err, signalledMs: signalled === undefined ? null : Date.now() - signalled };
}

describe.each(WAYS)('%s', (_, command) => {
  test('ends with status 1 and the setting to change when a port is taken', async () => {
    for (const setting of ['health_port', 'metrics_port']) {
      const variable = `TRIBUTARY_${setting.toUpperCase()}`;
      const { status, err } = await start(command, { [variable]: String(silentPort) });
      expect({ status, err }).toEqual({
        status: 1,
        err: expect.stringMatching(
          new RegExp(
            `^(worker|error): port ${silentPort} cannot be used \\(EADDRINUSE\\); set service.${setting} or ${variable}`,
          ),
        ) as string,
      });
    }
  });

  test('ends with status 1 when Temporal accepts the connection and never answers', async () => {
    const env = { TEMPORAL_ADDRESS: `127.0.0.1:${silentPort}`, TRIBUTARY_CONNECT_TIMEOUT: '1s' };
    const { status, err } = await start(command, env);
    expect({ status, err }).toEqual({
      status: 1,
      err: expect.stringMatching(
        /could not be reached for 1 s \(no answer for 1 s\); check TEMPORAL_ADDRESS/,
      ) as string,
    });
  });

  test.each([
    ['the connection to Temporal hangs', 'worker.starting', true],
    ['the workers are being made', 'worker.starting', false],
    ['it has just begun to poll', 'worker.ready', false],
  ])('a SIGTERM while %s ends it at once with status 0', async (_when, signalAt, hangs) => {
    const env = hangs ? { TEMPORAL_ADDRESS: `127.0.0.1:${silentPort}` } : {};
    const { status, events, err, signalledMs } = await start(command, env, signalAt);
    expect({ status, err, told: events.at(-1) }).toEqual({
      status: 0,
      err: '',
      told: events.includes('worker.ready') ? 'worker.drained' : 'worker.start_interrupted',
    });
    expect(signalledMs).toBeLessThan(5_000);
  });
});

describe('a start that cannot succeed ends with status 1 and says why', () => {
  const [[, command]] = WAYS;

  test.each<[string, NodeJS.ProcessEnv, RegExp]>([
    [
      'the namespace is missing',
      { TEMPORAL_NAMESPACE: 'no-such', TRIBUTARY_CONNECT_TIMEOUT: '1s' },
      /^worker: Temporal at .* has no namespace "no-such"; create it \(temporal operator namespace create -n no-such\)/,
    ],
    [
      'TLS against a plain port',
      { TEMPORAL_TLS: 'true', TRIBUTARY_CONNECT_TIMEOUT: '3s' },
      /^worker: Temporal at .* \(what listens there does not speak TLS\); set TEMPORAL_TLS=false/,
    ],
    [
      'a client certificate that is none',
      { TEMPORAL_TLS_CLIENT_CERT_DATA: 'x', TEMPORAL_TLS_CLIENT_KEY_DATA: 'x' },
      /^worker: Temporal at .* cannot be used: the client key or certificate cannot be used; TEMPORAL_TLS_CLIENT_CERT_PATH/,
    ],
    [
      'a certificate file that is missing',
      { TEMPORAL_TLS_CLIENT_CERT_PATH: '/no/such', TEMPORAL_TLS_CLIENT_KEY_PATH: '/no/such' },
      /^worker: the TEMPORAL_ settings cannot be used: ENOENT: .*'\/no\/such'/,
    ],
    [
      'an address of another machine to listen at',
      { TRIBUTARY_HTTP_HOST: '192.0.2.1' },
      /^worker: TRIBUTARY_HTTP_HOST: 192\.0\.2\.1 is no address of this machine \(EADDRNOTAVAIL\)\n$/,
    ],
    [
      'a missing configuration',
      { TRIBUTARY_CONFIG: '/no/such.yaml' },
      /^worker: \/no\/such\.yaml has one problem:\n.*does not exist/,
    ],
  ])('%s', async (_, env, message) => {
    const { status, err } = await start(command, env);
    expect({ status, err }).toEqual({ status: 1, err: expect.stringMatching(message) as string });
  });

  test('a damaged bundle of the workflow code', async () => {
    const dist = join(directory, 'dist');
    execFileSync('cp', ['-r', DIST, dist]);
    execFileSync('cp', [join(DIST, '../package.json'), directory]);
    execFileSync('ln', ['-s', join(DIST, '../node_modules'), directory]);
    await writeFile(join(dist, 'workflow-bundle.js'), 'not( code');
    const { status, err } = await start([join(dist, 'worker.js')], {});
    expect({ status, err }).toEqual({
      status: 1,
      err: expect.stringMatching(
        /^worker: the workflow code in .*workflow-bundle\.js cannot be used \(.*\); install the package again/,
      ) as string,
    });
  });
});
