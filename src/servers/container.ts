import { request } from 'node:http';
import { abortable } from '../core/async/abortable';
import { reasonOf } from './errors';
import { doesNotApply } from './providers';
import type { Report } from './report';
import type { Server, ServerSignal } from './server';

export interface ContainerOptions {
  readonly image: string;
  readonly command: readonly string[];
  /** The same inside and outside, so that a server may call itself by the address that its clients use. */
  readonly ports: readonly number[];
  readonly mount?: { readonly source: string; readonly target: string };
  readonly ready: (ending: () => string | undefined) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

type Testcontainers = typeof import('testcontainers');
type Runtime = Awaited<ReturnType<Testcontainers['getContainerRuntimeClient']>>;

const DEFAULT_SOCKET = '/var/run/docker.sock';

/** A server in a container; testcontainers' own reaper removes it when this process is killed. */
export class ContainerServer implements Server {
  // Its process belongs to the engine, not to this host.
  readonly pid = undefined;
  readonly #library: Testcontainers;
  readonly #runtime: Runtime;
  readonly #options: ContainerOptions;
  #id: string | undefined;
  #ended = Promise.resolve('no start');

  private constructor(library: Testcontainers, runtime: Runtime, options: ContainerOptions) {
    this.#library = library;
    this.#runtime = runtime;
    this.#options = options;
  }

  static async create(options: ContainerOptions, report: Report): Promise<ContainerServer> {
    if (process.env['DOCKER_HOST'] === undefined && !(await engineAnswers())) doesNotApply('no Docker engine answers');
    // A development dependency: where the package alone is installed, there are no containers.
    const library = await import('testcontainers').catch(() => doesNotApply('testcontainers is not installed'));
    const runtime = await library
      .getContainerRuntimeClient()
      .catch((error: unknown) => doesNotApply(`no Docker engine answers (${reasonOf(error)})`));
    await havePulled(library, runtime, options, report);
    return new ContainerServer(library, runtime, options);
  }

  async start(): Promise<void> {
    const { ready } = this.#options;
    if (this.#id === undefined) await this.#create();
    else await this.#container().start();
    let ending: string | undefined;
    this.#ended = this.#container()
      .wait()
      .then(
        (result: { readonly StatusCode: number }) => `exit status ${result.StatusCode}`,
        (error: unknown) => `the loss of its container (${reasonOf(error)})`,
      );
    void this.#ended.then((how) => (ending = `its container ended with ${how}`));
    await ready(() => ending);
  }

  get ended(): Promise<string> {
    return this.#ended;
  }

  async #create(): Promise<void> {
    const { image, command, ports, mount } = this.#options;
    const container = new this.#library.GenericContainer(image)
      .withCommand([...command])
      .withExposedPorts(...ports.map((port) => ({ container: port, host: port })))
      // `ready` asks the server itself; the library's own check needs a shell with tools in the image.
      .withWaitStrategy(new (startedStrategy(this.#library))());
    if (mount !== undefined) {
      container
        .withBindMounts([{ ...mount, mode: 'rw' }])
        .withUser(`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`);
    }
    this.#id = (await container.start()).getId();
  }

  async kill(signal: ServerSignal): Promise<void> {
    if (this.#id === undefined) return;
    const container = this.#container();
    await container.kill({ signal });
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await container.wait();
  }

  async stop(): Promise<void> {
    if (this.#id === undefined) return;
    const container = this.#container();
    const { State: state } = await container.inspect();
    if (!state.Running) return;
    await container.kill({ signal: 'SIGCONT' });
    await container.stop({ t: 10 });
  }

  /** Nothing of it stays. */
  async remove(): Promise<void> {
    if (this.#id !== undefined) await this.#container().remove({ force: true, v: true });
  }

  #container(): ReturnType<Runtime['container']['getById']> {
    return this.#runtime.container.getById(this.#id ?? '');
  }
}

const startedStrategy = (library: Testcontainers) =>
  class extends library.StartupCheckStrategy {
    override checkStartupState(): Promise<'SUCCESS'> {
      return Promise.resolve('SUCCESS');
    }
  };

async function havePulled(
  library: Testcontainers,
  runtime: Runtime,
  { image, signal = new AbortController().signal }: ContainerOptions,
  report: Report,
): Promise<void> {
  const name = library.ImageName.fromString(image);
  if (await runtime.image.exists(name)) return;
  report(`pulling the image ${image} (once)`);
  await abortable(runtime.image.pull(name), signal).catch((error: unknown) =>
    doesNotApply(`the image ${image} cannot be pulled (${reasonOf(error)})`),
  );
}

const engineAnswers = (): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = request({ socketPath: DEFAULT_SOCKET, path: '/_ping', timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.once('timeout', () => asked.destroy()).once('error', () => resolve(false));
    asked.end();
  });
