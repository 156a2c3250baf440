import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from '../../src/servers/child';
import { installOnce } from '../../src/servers/install';
import { onPath } from '../../src/servers/path';
import { doesNotApply, firstThatWorks } from '../../src/servers/providers';

const wanted = {
  service: 'promtool',
  remedies: [
    'install Prometheus, so that promtool is on PATH',
    'on Debian and its kin: let apt-get reach a mirror; the package prometheus is unpacked into .tributary, nothing is installed',
  ],
};

/** The package as the machine's lists know it; if they do not, or know an old one, with lists of our own. */
async function download(directory: string): Promise<void> {
  const apt = (await onPath('apt-get')) ?? doesNotApply('there is no apt-get on PATH');
  const logFile = join(directory, '..', 'apt.log');
  const get = (...args: string[]) => Child.run({ file: apt, args, cwd: directory, logFile });
  try {
    await get('download', 'prometheus');
  } catch {
    const state = join(directory, '..', 'apt');
    await mkdir(join(state, 'lists', 'partial'), { recursive: true });
    const own = ['-o', `Dir::State::Lists=${state}/lists`, '-o', `Dir::Cache=${state}/cache`];
    await get(...own, 'update');
    await get(...own, 'download', 'prometheus');
  }
}

/** Debian's package `prometheus`, unpacked where nothing else is; once. */
async function fromDebian(): Promise<string> {
  const directory = await installOnce('promtool-debian', async (target) => {
    const scratch = join(target, '..', 'package');
    await mkdir(scratch);
    await download(scratch);
    const [file] = (await readdir(scratch)).filter((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('apt-get has downloaded nothing');
    await Child.run({
      file: (await onPath('dpkg-deb')) ?? doesNotApply('there is no dpkg-deb on PATH'),
      args: ['-x', join(scratch, file), join(scratch, 'unpacked')],
      logFile: join(scratch, '..', 'dpkg.log'),
    });
    await copyFile(join(scratch, 'unpacked', 'usr', 'bin', 'promtool'), join(target, 'promtool'));
  });
  return join(directory, 'promtool');
}

let program: Promise<string> | undefined;

const find = async (): Promise<string> => {
  const providers = [
    { name: 'promtool on PATH', offer: async () => (await onPath('promtool')) ?? doesNotApply('it is not there') },
    { name: "Debian's package prometheus", offer: fromDebian },
  ];
  return (await firstThatWorks(wanted, providers, (line) => console.log(line))).value;
};

/** Prometheus's own checks. Where promtool cannot be had, an error says what was tried. */
export async function promtool(args: readonly string[], input = ''): Promise<{ status: number; out: string }> {
  program ??= find();
  const child = spawn(await program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (out += text));
  }
  // It reads its input only where it was asked to.
  child.stdin.on('error', () => undefined).end(input);
  const [status] = (await once(child, 'close')) as [number];
  return { status, out };
}
