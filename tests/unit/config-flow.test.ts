import fc from 'fast-check';
import { flowsInto, sourceArea, targetArea, type Area } from '../../src/config/checks/area';
import { cycles } from '../../src/config/checks/cycles';
import { parseConfig } from '../../src/config/load';
import { Readers } from '../../src/config/checks/readers';
import type { Config } from '../../src/config/schema';

interface Draft {
  readonly from: string;
  readonly to: string;
  readonly source: object;
  readonly destination?: object;
}

const configOf = (drafts: readonly Draft[]): Config =>
  parseConfig(
    JSON.stringify({
      version: '1',
      streams: drafts.map(({ from, to, source, destination }, index) => ({
        id: `s${index}`,
        source: { type: 'mongodb', connection_string: `\${env:${from}}`, ...source },
        destination: { type: 'mongodb', connection_string: `\${env:${to}}`, ...destination },
      })),
    }),
  );

const many = (count: number, draft: (index: number) => Draft): Config =>
  configOf(Array.from({ length: count }, (_, index) => draft(index)));

/** How often patterns are compared to find who follows what all streams write. */
function comparisons({ streams }: Config): number {
  const readers = new Readers(streams.map((stream) => [stream, sourceArea(stream)] as const));
  for (const stream of streams) {
    const { deployment, parts } = targetArea(stream);
    for (const part of parts) readers.of(deployment, part);
  }
  return readers.compared;
}

describe('streams that share a source', () => {
  it.each<[string, (index: number) => Draft]>([
    [
      'a database for each, copied beside itself',
      (i) => ({ from: 'A', to: 'A', source: { database: `db${i}` }, destination: { database: `copy${i}` } }),
    ],
    [
      'a chain',
      (i) => ({ from: 'A', to: 'A', source: { database: `db${i}` }, destination: { database: `db${i + 1}` } }),
    ],
    ['a collection for each', (i) => ({ from: 'A', to: 'B', source: { database: 'shop', collections: [`c${i}`] } })],
    [
      'both directions, by patterns',
      (i) => {
        const [from, to] = i % 2 === 0 ? (['A', 'B'] as const) : (['B', 'A'] as const);
        return { from, to, source: { database: 'shop', collections: [`c${i}-*`] } };
      },
    ],
  ])('are compared with those that may follow them, and not with all: %s', (_name, draft) => {
    for (const count of [100, 200]) expect(comparisons(many(count, draft))).toBeLessThanOrEqual(count);
  });
});

const name = fc.constantFrom('a', 'ab', 'abc', 'b', 'ba');
const pattern = fc.constantFrom('a', 'ab', 'a*', '*', '*b', '?b', 'b?', 'abc', 'ab*');
const part = fc.record({ database: fc.oneof(name, pattern), collection: pattern });
const area: fc.Arbitrary<Area> = fc.record({
  deployment: fc.constantFrom('A', 'B'),
  parts: fc.array(part, { minLength: 1, maxLength: 3 }),
  except: fc.array(part, { maxLength: 2 }),
});

it('finds exactly those that follow what is written', () => {
  fc.assert(
    fc.property(fc.array(area, { maxLength: 8 }), area, (sources, target) => {
      const readers = new Readers(sources.map((source, index) => [index, source] as const));
      const found = new Set(target.parts.flatMap((one) => [...readers.of(target.deployment, one)]));
      const expected = sources.flatMap((source, index) => (flowsInto(target, source) ? [index] : []));
      expect([...found].sort()).toEqual(expected);
    }),
  );
});

describe('cycles', () => {
  const graph = fc
    .integer({ min: 1, max: 7 })
    .chain((size) =>
      fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size }),
    );
  const reaches = (leads: readonly (readonly number[])[], from: number, to: number): boolean => {
    const seen = new Set(leads[from]);
    for (const node of seen) for (const next of leads[node] ?? []) seen.add(next);
    return seen.has(to);
  };

  it('are found wherever a way leads back, and are ways', () => {
    fc.assert(
      fc.property(graph, (drawn) => {
        const leads = drawn.map((nexts, node) => nexts.filter((next) => next !== node));
        const found = cycles([...leads.keys()], new Map(leads.map((nexts, node) => [node, new Set(nexts)])));
        const on = new Set(found.flat());
        for (const way of found)
          for (const [at, node] of way.entries()) expect(leads[node]).toContain(way[(at + 1) % way.length]);
        for (const node of leads.keys()) expect(on.has(node)).toBe(reaches(leads, node, node));
      }),
    );
  });

  it('are looked for in time that grows with what leads where', () => {
    const size = 5_000;
    const chain = new Map(Array.from({ length: size }, (_, node) => [node, new Set([node + 1])] as const));
    expect(cycles([...chain.keys()], chain)).toEqual([]);
    const ring = new Map([...chain, [size, new Set([0])] as const]);
    expect(cycles([...ring.keys()], ring).map((way) => way.length)).toEqual([size + 1]);
  });
});
