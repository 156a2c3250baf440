import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { Command } from '../child';
import { cargoInstall, findPython, pipInstall } from '../install';
import type { MongoOptions } from './options';
import { isExecutable, onPath } from '../path';
import { doesNotApply } from '../providers';
import type { Report } from '../report';

/** How one program is started as a MongoDB server. */
export interface MongoProgram {
  /** Names its data directory: one kind cannot read the files of another. */
  readonly kind: string;
  readonly replicaSet: string;
  /** The server knows its replica set only after `replSetInitiate`. */
  readonly initiate: boolean;
  command(directory: string, port: number, options: MongoOptions): Promise<Command>;
}

const EMBEDDED_PIP = { name: 'SecantusDB', version: '0.7.0b3', sizeMB: 45 };
const EMBEDDED_CRATE = { name: 'secantus-mdb', version: '0.5.3-beta.193', program: 'secantusd-rs' };
const EMBEDDED_VARIABLE = 'TRIBUTARY_SECANTUSD_RS';
const START_EMBEDDED = 'import sys; from secantus.cli import main; sys.exit(main())';
export const MONGOD_REPLICA_SET = 'tributary';

export async function mongodOnPath(options: MongoOptions): Promise<MongoProgram> {
  refuseEmbeddedOptions(options);
  const file = (await onPath('mongod')) ?? doesNotApply('there is no mongod on PATH');
  return {
    kind: 'mongod',
    replicaSet: MONGOD_REPLICA_SET,
    initiate: true,
    command: async (directory, port) => ({
      file,
      args: [
        ...['--dbpath', directory, '--bind_ip', '127.0.0.1', ...mongodArguments(port, options)],
        ...(options.auth === undefined ? [] : ['--keyFile', await keyFile(directory)]),
      ],
      logFile: `${directory}.log`,
      cwd: directory,
    }),
  };
}

export const mongodArguments = (port: number, options: MongoOptions): string[] => [
  ...(options.standalone === true ? [] : ['--replSet', MONGOD_REPLICA_SET]),
  ...['--port', String(port)],
  ...['--setParameter', `periodicNoopIntervalSecs=${Math.max(1, Math.round(heartbeat(options)))}`],
  ...['--wiredTigerCacheSizeGB', String(gigabytes(options.cacheSize ?? '1G'))],
  ...(options.testCommands === true ? ['--setParameter', 'enableTestCommands=1'] : []),
];

export function refuseEmbeddedOptions(options: MongoOptions): void {
  if (options.onlyEmbedded === true) doesNotApply('the embedded server was asked for');
  if (options.oplogMaxEntries !== undefined || options.oplogRetentionSeconds !== undefined) {
    doesNotApply('it cannot limit its history as asked');
  }
}

export async function embeddedFromPip(report: Report, signal?: AbortSignal): Promise<MongoProgram> {
  const python = await findPython();
  const installed = await pipInstall(python, EMBEDDED_PIP, report, signal);
  return embedded('secantusd-py', python.file, ['-c', START_EMBEDDED], { PYTHONPATH: installed });
}

export async function fastFromEnvironment(): Promise<MongoProgram> {
  const file = process.env[EMBEDDED_VARIABLE] ?? doesNotApply('the variable is not set');
  return (await isExecutable(file)) ? embedded(EMBEDDED_CRATE.program, file) : doesNotApply(`${file} is not a program`);
}

export async function fastOnPath(): Promise<MongoProgram> {
  const { program } = EMBEDDED_CRATE;
  return embedded(program, (await onPath(program)) ?? doesNotApply(`there is no ${program} on PATH`));
}

export async function fastFromCargo(report: Report): Promise<MongoProgram> {
  const installed = await cargoInstall(EMBEDDED_CRATE.name, EMBEDDED_CRATE.version, report);
  return embedded(EMBEDDED_CRATE.program, join(installed, 'bin', EMBEDDED_CRATE.program));
}

const embedded = (
  kind: string,
  file: string,
  before: readonly string[] = [],
  env: Record<string, string> = {},
): MongoProgram => ({
  kind,
  replicaSet: 'secantus',
  initiate: false,
  command: (directory, port, options) =>
    Promise.resolve({
      file,
      args: [...before, ...embeddedArguments(directory, port, options)],
      env,
      logFile: `${directory}.log`,
      // It would read a configuration file from the working directory.
      cwd: directory,
    }),
});

const embeddedArguments = (directory: string, port: number, options: MongoOptions): string[] => [
  ...['--host', '127.0.0.1', '--port', String(port), '--storage-path', directory, '--log-level', 'WARNING'],
  ...['--noop-heartbeat-seconds', String(heartbeat(options)), '--cache-size', options.cacheSize ?? '1G'],
  ...(options.auth === undefined ? [] : ['--auth']),
  ...(options.standalone === true ? ['--standalone'] : []),
  ...(options.syncOnCommit === true ? ['--sync-on-commit'] : []),
  ...(options.testCommands === true ? ['--enable-test-commands'] : []),
  ...number('--oplog-max-entries', options.oplogMaxEntries ?? options.embeddedOplogMaxEntries),
  ...number('--oplog-retention-seconds', options.oplogRetentionSeconds),
  ...number('--session-max', options.sessionMax),
];

const number = (flag: string, value: number | undefined): string[] =>
  value === undefined ? [] : [flag, String(value)];

const heartbeat = (options: MongoOptions): number => options.noopHeartbeatSeconds ?? 1;

function gigabytes(size: string): number {
  const [, amount = '1', unit = 'G'] = /^(\d+)([MG])$/.exec(size) ?? [];
  return Math.max(0.25, unit === 'G' ? Number(amount) : Number(amount) / 1024);
}

async function keyFile(directory: string): Promise<string> {
  const file = join(directory, 'tributary.key');
  await writeFile(file, randomBytes(48).toString('base64'), { flag: 'wx', mode: 0o400 }).catch(() =>
    chmod(file, 0o400),
  );
  return file;
}
