import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Deployment } from 'kubernetes-models/apps/v1';
import { ConfigMap } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';
import { durationMs } from '../../src/config/values/duration';
import { serviceSchema } from '../../src/config/schema';
import { workerSettings } from '../../src/worker/settings';

const ROOT = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The schemas let unknown fields pass; a field that no validator ever asked for is one. */
function watched<T extends object>(value: T, path: string, unread: Set<string>): T {
  const copy: object = Array.isArray(value) ? [] : {};
  for (const [key, child] of Object.entries(value) as [string, unknown][]) {
    const here = `${path}.${key}`;
    unread.add(here);
    const wrapped = typeof child === 'object' && child !== null ? watched(child, here, unread) : child;
    Object.defineProperty(copy, key, {
      enumerable: true,
      get: () => {
        unread.delete(here);
        return wrapped;
      },
    });
  }
  return copy as T;
}

const documents = parseAllDocuments(read('deploy/kubernetes/worker.yaml')).map(
  (document) => document.toJS() as { kind: string },
);

describe('deploy/kubernetes/worker.yaml', () => {
  const VALIDATORS: Record<string, (value: object) => void> = {
    ConfigMap: (value) => ConfigMap.prototype.validate.call(value as ConfigMap),
    Deployment: (value) => Deployment.prototype.validate.call(value as Deployment),
  };
  const check = (document: { kind: string }): string[] => {
    const unread = new Set<string>();
    const Model = document.kind === 'ConfigMap' ? ConfigMap : Deployment;
    const model = Object.create(Model.prototype) as ConfigMap;
    Object.defineProperties(model, Object.getOwnPropertyDescriptors(watched(document, document.kind, unread)));
    VALIDATORS[document.kind]!(model);
    return [...unread];
  };

  test.each(documents)('$kind fits the Kubernetes schema, without a field that it does not know', (document) => {
    expect(check(document)).toEqual([]);
  });

  test('the check finds a misspelt field and a wrong type', () => {
    const deployment = documents.find(({ kind }) => kind === 'Deployment')!;
    expect(check({ ...deployment, spec: { ...spec(), minReadySecond: 1 } } as never)).toEqual([
      'Deployment.spec.minReadySecond',
    ]);
    expect(() => check({ ...deployment, spec: { ...spec(), replicas: 'two' } } as never)).toThrow(/replicas/);
  });

  const spec = () => (documents.find(({ kind }) => kind === 'Deployment') as unknown as Deployment).spec!;
  const pod = () => spec().template.spec!;
  const container = () => pod().containers[0]!;
  const environment = () => (documents.find(({ kind }) => kind === 'ConfigMap') as unknown as ConfigMap).data!;

  test('its settings are settings of the worker', () => {
    const defaults = serviceSchema.parse({});
    const known = Object.keys(defaults).map((name) => `TRIBUTARY_${name.toUpperCase()}`);
    const ours = Object.keys(environment()).filter((name) => name.startsWith('TRIBUTARY_'));
    expect(known).toEqual(expect.arrayContaining(ours));
    expect(() => workerSettings(defaults, environment())).not.toThrow();
  });

  test('the pod outlives the drain, and its probes ask where the worker listens', () => {
    const { service, graceMs } = workerSettings(serviceSchema.parse({}), environment());
    expect(pod().terminationGracePeriodSeconds! * 1_000).toBeGreaterThanOrEqual(graceMs + durationMs('10s'));
    expect(container().ports).toEqual([
      { name: 'health', containerPort: service.health_port },
      { name: 'metrics', containerPort: service.metrics_port },
    ]);
    expect([container().livenessProbe, container().readinessProbe].map((probe) => probe?.httpGet)).toEqual([
      { path: '/healthz', port: 'health' },
      { path: '/readyz', port: 'health' },
    ]);
  });

  test('512 MB hold the heap and what lives outside it', () => {
    expect(container().resources?.limits).toEqual({ memory: '512Mi' });
    const options = container().env!.find(({ name }) => name === 'NODE_OPTIONS')!.value;
    expect(Number(/--max-old-space-size=(\d+)/.exec(options!)?.[1])).toBeLessThanOrEqual(320);
  });

  test('it runs as an unprivileged user and writes nothing', () => {
    expect(pod().securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001 });
    expect(container().securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container().envFrom).toEqual([
      { configMapRef: { name: 'tributary-worker' } },
      { secretRef: { name: 'tributary-databases' } },
    ]);
  });
});

describe('deploy/Dockerfile', () => {
  interface Instruction {
    readonly word: string;
    readonly rest: string;
  }
  const instructions = read('deploy/Dockerfile')
    .replace(/^#.*$/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line): Instruction => {
      const [word = '', ...rest] = line.split(/\s+/);
      return { word, rest: rest.join(' ') };
    });
  const last = instructions.map(({ word }) => word).lastIndexOf('FROM');
  const final = instructions.slice(last);
  const of = (list: readonly Instruction[], word: string) =>
    list.filter((instruction) => instruction.word === word).map(({ rest }) => rest);

  test('builds in one stage and ships another, without compilers and development dependencies', () => {
    expect(of(instructions, 'FROM')).toHaveLength(2);
    expect(of(final, 'RUN')).toEqual([]);
    expect(of(final, 'COPY').every((rest) => rest.startsWith('--from=build '))).toBe(true);
    expect(of(instructions, 'RUN')).toContain('npm prune --ignore-scripts --omit=dev');
  });

  test('runs as the user of the deployment, in exec form so that signals arrive, with a health check', () => {
    expect(of(final, 'USER')).toEqual(['10001:10001']);
    expect(of(final, 'CMD').map((rest) => JSON.parse(rest) as unknown)).toEqual([['dist/worker.js']]);
    expect(of(final, 'HEALTHCHECK')[0]).toContain('/healthz');
    expect(of(final, 'EXPOSE')).toEqual(['8080 9090']);
  });

  test('what it copies exists and is let through', () => {
    const ignore = read('deploy/Dockerfile.dockerignore').split('\n');
    const copied = of(instructions.slice(0, last), 'COPY').flatMap((rest) => rest.split(' ').slice(0, -1));
    for (const path of copied) {
      expect({ path, exists: existsSync(join(ROOT, path)) }).toEqual({ path, exists: true });
      expect(ignore).toContain(`!${path}`);
    }
  });
});
