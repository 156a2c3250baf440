import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ContainerServer } from '../container';
import { removeDirectory, scratchDirectory } from '../home';
import { DEFAULT_ADDRESS_VARIABLE, type MongoOptions } from './options';
import * as programs from './programs';
import { checkAddress, createAdministrator, primaryReady } from './ready';
import { onFreePorts } from '../ports';
import { doesNotApply, firstThatWorks, type Provider } from '../providers';
import type { Report } from '../report';
import { runningElsewhere, runningHere, type Running } from '../running';
import { ProcessServer, type Server } from '../server';

/** A MongoDB deployment that answers, with change streams and transactions. */
export interface RunningMongo extends Running {
  /** With the credentials, where there are any. */
  readonly uri: string;
}

interface Started {
  readonly uri: string;
  readonly server: Server;
  readonly remove: () => Promise<void>;
}

const IMAGE = process.env['TRIBUTARY_MONGODB_IMAGE'] ?? 'mongo:8.0';

export async function startMongo(options: MongoOptions, report: Report): Promise<RunningMongo> {
  const variable = options.addressVariable ?? DEFAULT_ADDRESS_VARIABLE;
  const address = process.env[variable];
  if (address !== undefined && address !== '' && mayBeElsewhere(options)) return elsewhere(address, variable, report);

  const wanted = { service: 'MongoDB', remedies: remedies(variable, options) };
  const { provider, value } = await firstThatWorks(wanted, providers(options, report), report, options.signal);
  const { uri, server, remove } = value;
  return runningHere({ uri }, { provider, server, remove });
}

const mayBeElsewhere = (options: MongoOptions): boolean =>
  options.own !== true && options.onlyEmbedded !== true && options.variant !== 'fast';

async function elsewhere(uri: string, variable: string, report: Report): Promise<RunningMongo> {
  // An address that was given and does not answer is a mistake to show, not a reason to take another server.
  await checkAddress(uri, variable);
  report(`MongoDB: the address in ${variable}`);
  return runningElsewhere({ uri }, variable);
}

function providers(options: MongoOptions, report: Report): Provider<Started>[] {
  const started = (find: () => Promise<programs.MongoProgram>) => async () => {
    const program = await find();
    return onFreePorts([options.port], (port) => startProgram(program, port, options));
  };
  if (options.variant === 'fast') {
    return [
      { name: 'secantusd-rs of TRIBUTARY_SECANTUSD_RS', offer: started(programs.fastFromEnvironment) },
      { name: 'secantusd-rs on PATH', offer: started(programs.fastOnPath) },
      { name: 'secantusd-rs built by cargo', offer: started(() => programs.fastFromCargo(report)) },
    ];
  }
  return [
    { name: 'mongod on PATH', offer: started(() => programs.mongodOnPath(options)) },
    {
      name: `container of ${IMAGE}`,
      offer: () => onFreePorts([options.port], (port) => startContainer(port, options, report)),
    },
    { name: 'embedded SecantusDB from pip', offer: started(() => programs.embeddedFromPip(report, options.signal)) },
  ];
}

async function startProgram(program: programs.MongoProgram, port: number, options: MongoOptions): Promise<Started> {
  const parent = options.storagePath ?? (await scratchDirectory('mongodb'));
  const keep = options.storagePath !== undefined;
  const directory = join(parent, program.kind);
  await mkdir(directory, { recursive: true });
  const { auth, ...open } = options;
  const server = async (access: MongoOptions) =>
    new ProcessServer({
      command: await program.command(directory, port, access),
      ready: (ending) =>
        primaryReady(
          port,
          ending,
          program.initiate && options.standalone !== true ? program.replicaSet : undefined,
          options.signal,
        ),
    });
  try {
    if (auth !== undefined) {
      const unguarded = await server(open);
      await unguarded.start();
      try {
        await createAdministrator(port, auth);
      } finally {
        await unguarded.stop();
      }
    }
    const guarded = await server(options);
    await guarded.start();
    const remove = async () => {
      if (keep) return guarded.stop();
      await guarded.kill('SIGKILL');
      await removeDirectory(parent);
    };
    return { uri: uriOf(port, program.replicaSet, options), server: guarded, remove };
  } catch (error) {
    if (!keep) await removeDirectory(parent);
    throw error;
  }
}

async function startContainer(port: number, options: MongoOptions, report: Report): Promise<Started> {
  programs.refuseEmbeddedOptions(options);
  if (options.auth !== undefined) doesNotApply('a replica set with access control needs a key file');
  if (options.storagePath !== undefined) await mkdir(join(options.storagePath, 'mongod'), { recursive: true });
  const server = await ContainerServer.create(
    {
      image: IMAGE,
      command: ['mongod', '--bind_ip_all', ...programs.mongodArguments(port, options)],
      ports: [port],
      signal: options.signal,
      ...(options.storagePath === undefined
        ? {}
        : { mount: { source: join(options.storagePath, 'mongod'), target: '/data/db' } }),
      ready: (ending) =>
        primaryReady(
          port,
          ending,
          options.standalone === true ? undefined : programs.MONGOD_REPLICA_SET,
          options.signal,
        ),
    },
    report,
  );
  try {
    await server.start();
  } catch (error) {
    await server.remove();
    throw error;
  }
  const remove = async () => {
    if (options.storagePath !== undefined) await server.stop();
    await server.remove();
  };
  return { uri: uriOf(port, programs.MONGOD_REPLICA_SET, options), server, remove };
}

function uriOf(port: number, replicaSet: string, { auth, standalone }: MongoOptions): string {
  const uri = `127.0.0.1:${port}/?${standalone === true ? 'directConnection=true' : `replicaSet=${replicaSet}`}`;
  if (auth === undefined) return `mongodb://${uri}`;
  return `mongodb://${encodeURIComponent(auth.username)}:${encodeURIComponent(auth.password)}@${uri}&authSource=admin`;
}

const remedies = (variable: string, options: MongoOptions): string[] =>
  options.variant === 'fast'
    ? ['install Rust with cargo, or set TRIBUTARY_SECANTUSD_RS to the program secantusd-rs']
    : [
        ...(mayBeElsewhere(options) ? [`set ${variable} to the address of a replica set`] : []),
        'install MongoDB, so that mongod is on PATH',
        'start a Docker engine that can pull the image',
        'install Python 3 with pip, and let pip reach a package index',
      ];
