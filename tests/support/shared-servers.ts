type OrMissing<T> = T | { readonly missing: string };

export interface SharedServers {
  readonly temporal: OrMissing<{ readonly address: string; readonly namespace: string }>;
  readonly source: OrMissing<{ readonly uri: string }>;
  readonly destination: OrMissing<{ readonly uri: string }>;
}

const VARIABLE = 'TRIBUTARY_SHARED_SERVERS';
const KEY = Symbol.for('tributary.shared-servers');

type Holder = Record<symbol, readonly AsyncDisposable[] | undefined>;

/** Test files run in other processes: they see the environment of this one. */
export function publish(servers: SharedServers, running: readonly AsyncDisposable[]): void {
  process.env[VARIABLE] = JSON.stringify(servers);
  (globalThis as unknown as Holder)[KEY] = running;
}

export function unpublish(): readonly AsyncDisposable[] {
  const holder = globalThis as unknown as Holder;
  const running = holder[KEY] ?? [];
  holder[KEY] = undefined;
  return running;
}

export function shared<K extends keyof SharedServers>(which: K): Exclude<SharedServers[K], { missing: string }> {
  const text = process.env[VARIABLE];
  if (text === undefined) throw new Error(`no shared servers: this project has no globalSetup in jest.config.ts`);
  const server = (JSON.parse(text) as SharedServers)[which];
  if ('missing' in server) throw new Error(server.missing);
  return server as Exclude<SharedServers[K], { missing: string }>;
}
