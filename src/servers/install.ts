import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import { Child } from './child';
import { doesNotApply } from './providers';
import { removeDirectory, scratchDirectory, servicesHome } from './home';
import { onPath } from './path';
import type { Report } from './report';

const underWay = new Map<string, Promise<string>>();

/** Installs once per home: into a temporary folder, then renamed, so that no process ever sees half an installation. */
export function installOnce(name: string, install: (directory: string) => Promise<void>): Promise<string> {
  const target = join(servicesHome(), name);
  const running = underWay.get(target) ?? installInto(target, install).finally(() => underWay.delete(target));
  underWay.set(target, running);
  return running;
}

async function installInto(target: string, install: (directory: string) => Promise<void>): Promise<string> {
  if (await exists(target)) return target;
  const scratch = await scratchDirectory('install');
  try {
    const directory = join(scratch, 'installed');
    await mkdir(directory);
    await install(directory);
    await rename(directory, target).catch(async (error: unknown) => {
      // Another process was first; what it installed is the same.
      if (!(await exists(target))) throw error;
    });
    return target;
  } finally {
    await removeDirectory(scratch);
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

export interface Python {
  readonly file: string;
  readonly version: string;
}

const GET_PYTHON =
  'install Python 3.10 or newer with pip (Debian, Ubuntu: apt install python3 python3-pip; macOS: brew install python)';

export async function findPython(): Promise<Python> {
  const program = (await onPath('python3')) ?? doesNotApply(`there is no python3 on PATH: ${GET_PYTHON}`);
  const probe = 'import sys, sysconfig; print(sys.executable); print(sysconfig.get_platform(), *sys.version_info[:2])';
  const { stdout } = await promisify(execFile)(program, ['-c', probe]);
  const [file = program, version = ''] = stdout.split('\n');
  return { file, version: version.trim().replaceAll(/\W+/g, '.') };
}

export interface PipPackage {
  readonly name: string;
  readonly version: string;
  readonly sizeMB: number;
}

/** Installs a wheel with its dependencies into a directory of its own, from the index that pip is configured with. */
export const pipInstall = (python: Python, wanted: PipPackage, report: Report, signal?: AbortSignal): Promise<string> =>
  installOnce(`${wanted.name}-${wanted.version}-python.${python.version}`, async (directory) => {
    await promisify(execFile)(python.file, ['-c', 'import pip']).catch(() =>
      doesNotApply(`${python.file} has no pip: ${GET_PYTHON}`),
    );
    report(`fetching ${wanted.name} ${wanted.version} with pip (about ${wanted.sizeMB} MB, once)`);
    const started = Date.now();
    const args = [
      ...['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--only-binary', ':all:'],
      ...['--root-user-action', 'ignore', '--target', directory, `${wanted.name}==${wanted.version}`],
    ];
    await Child.run({ file: python.file, args, logFile: join(directory, '..', 'pip.log') }, signal);
    report(`fetched ${wanted.name} in ${Math.round((Date.now() - started) / 1000)} s`);
  });

/** Builds a program with cargo. */
export const cargoInstall = (name: string, version: string, report: Report): Promise<string> =>
  installOnce(`${name}-${version}`, async (directory) => {
    const cargo = (await onPath('cargo')) ?? doesNotApply('there is no cargo on PATH');
    report(`building ${name} ${version} with cargo (about 4 minutes on two cores, once)`);
    const started = Date.now();
    await Child.run({
      file: cargo,
      args: ['install', name, '--version', version, '--ignore-rust-version', '--root', directory],
      logFile: join(directory, '..', 'cargo.log'),
    });
    report(`built ${name} in ${Math.round((Date.now() - started) / 1000)} s`);
  });
