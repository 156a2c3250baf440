import type { Change } from '../../src/core/model/change';
import type { LanePart, Written } from '../../src/core/ports/destination';
import { deltaMissed, ReplicationError } from '../../src/core/model/errors';
import { systemClock } from '../../src/host/clock';
import { GroupCommit } from '../../src/core/write/group-commit';
import { Lane } from '../../src/core/write/lane';
import { LowWater } from '../../src/core/pump/low-water';
import { at, delta, row, silentMeter, words } from '../support/changes';
import { laneContext, stepSize } from '../support/lanes';

const signal = new AbortController().signal;
/** Two of them are no little thing. */
const LARGE = 600_000;
const durable: Written = { fresh: true };

/** Something that a test lets go when it likes, and sees begin. */
function held() {
  let [begun, release] = [(): void => undefined, (): void => undefined];
  const hasBegun = new Promise<void>((resolve) => (begun = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  return {
    hasBegun,
    release,
    wait: () => {
      begun();
      return released;
    },
  };
}

/** Three lanes that write together; `steps` tells what was written in one: lane by lane, or `all`. */
function lanes(options: {
  readonly maxChanges?: number;
  readonly apply?: (part: LanePart) => Promise<void>;
  readonly applyGroup?: (parts: readonly LanePart[]) => Promise<void>;
}) {
  const steps: string[] = [];
  const failures: unknown[] = [];
  const mark = new LowWater(at(0));
  const tell = (who: string, parts: readonly LanePart[]): void => {
    steps.push(`${who}: ${parts.map(({ changes }) => words(changes).join(', ')).join(' | ')}`);
  };
  const claim = {
    apply: async (part: LanePart) => {
      await options.apply?.(part);
      tell(`lane ${part.lane}`, [part]);
      return durable;
    },
    applyGroup: async (parts: readonly LanePart[]) => {
      await options.applyGroup?.(parts);
      tell('all', parts);
      return parts.map(() => durable);
    },
  };
  const size = stepSize(options.maxChanges ?? 10);
  const failed = (error: unknown): unknown => failures.push(error);
  const groupCommit = new GroupCommit({
    claim,
    clock: systemClock,
    meter: silentMeter,
    log: () => undefined,
    size,
    maxBytes: 1e6,
    failed,
    writing: signal,
  });
  const context = laneContext({ claim, groupCommit, size, failed });
  const made = [0, 1, 2].map(
    (lane) => new Lane({ lane, sequence: 0, position: null, readAheadLimit: null }, context),
  ) as [Lane, Lane, Lane];
  groupCommit.watch(made);
  let token = 0;
  return {
    lanes: made,
    steps,
    failures,
    mark,
    /** One batch: what each lane gets of it, by the names of rows; `+` is a delta, `#` a large row. */
    push: (...shares: readonly (readonly string[])[]): void => {
      token += 1;
      const batch = mark.begin();
      shares.forEach((rows, lane) => {
        const changes = rows.map((id): Change => {
          if (id.startsWith('+')) return delta(id.slice(1), token);
          return id.startsWith('#') ? { ...row(id, token), bytes: LARGE } : row(id, token);
        });
        if (changes.length > 0) made[lane]?.push(changes, batch, true, signal);
      });
      batch.close(at(token), token);
    },
    idle: () => Promise.all(made.map((lane) => lane.idle())),
  };
}

describe('GroupCommit', () => {
  it('writes what is little in one step, and what comes meanwhile in the next one', async () => {
    const first = held();
    const t = lanes({ applyGroup: first.wait });
    t.push(['a'], ['b'], ['c']);
    await first.hasBegun;
    t.push(['d']);
    t.push(['e'], [], ['f']);
    expect(t.mark.advance()).toBe(false);
    first.release();
    await t.idle();
    expect(t.steps).toEqual([
      'all: replace a@1 | replace b@1 | replace c@1',
      'all: replace d@2, replace e@3 | replace f@3',
    ]);
    expect(t.mark.advance() && t.mark.position).toEqual(at(3));
  });

  it('leaves what only one lane has to that lane', async () => {
    const t = lanes({});
    t.push([], ['a', 'b']);
    await t.idle();
    expect(t.steps).toEqual(['lane 1: replace a@1, replace b@1']);
  });

  it('leaves more than fits to the lanes, in parallel', async () => {
    const [first, second] = [held(), held()];
    const t = lanes({ maxChanges: 3, apply: ({ lane }) => (lane === 0 ? first.wait() : second.wait()) });
    t.push(['a', 'b'], ['c', 'd']);
    await Promise.all([first.hasBegun, second.hasBegun]);
    first.release();
    second.release();
    await t.idle();
    expect(t.steps).toEqual(['lane 0: replace a@1, replace b@1', 'lane 1: replace c@1, replace d@1']);
  });

  it('leaves to the lanes what is large, however few changes it is', async () => {
    const t = lanes({});
    t.push(['#a'], ['b']);
    t.push(['#c'], ['#d']);
    await t.idle();
    expect(t.steps.filter((step) => step.startsWith('all'))).toEqual([]);
    t.push(['#e'], ['f']);
    await t.idle();
    expect(t.steps.at(-1)).toBe('all: replace #e@3 | replace f@3');
  });

  it('joins lanes again once what is left fits in one step', async () => {
    const [first, second] = [held(), held()];
    const t = lanes({ maxChanges: 3, apply: ({ lane }) => (lane === 0 ? first.wait() : second.wait()) });
    t.push(['a', 'b'], ['c', 'd']);
    await Promise.all([first.hasBegun, second.hasBegun]);
    t.push(['e'], ['f'], ['g']);
    first.release();
    await new Promise(setImmediate);
    // The first lane waits for the second one instead of writing on.
    expect(t.steps).toEqual(['lane 0: replace a@1, replace b@1']);
    second.release();
    await t.idle();
    expect(t.steps.slice(1)).toEqual([
      'lane 1: replace c@1, replace d@1',
      'all: replace e@2 | replace f@2 | replace g@2',
    ]);
  });

  it.each([
    ['a delta that meets no row', () => deltaMissed('shop.orders'), ['lane 0: replace a@1', 'lane 1: update b@1']],
    [
      'a row that is rejected',
      () => new ReplicationError('poison', { code: 'refused', message: 'no' }),
      ['lane 0: replace a@1', 'lane 1: update b@1'],
    ],
  ])('leaves it to the lanes where there is %s', async (_, error, expected) => {
    const t = lanes({ applyGroup: () => Promise.reject(error()) });
    t.push(['a'], ['+b']);
    await t.idle();
    expect(t.steps).toEqual(expected);
    expect(t.failures).toEqual([]);
    expect(t.mark.advance() && t.mark.position).toEqual(at(1));
  });

  it('does not forget a lane that is given changes during a step that is then rejected', async () => {
    const [step, first] = [held(), held()];
    const t = lanes({
      applyGroup: async () => {
        await step.wait();
        throw deltaMissed('shop.orders');
      },
      apply: ({ lane }) => (lane === 2 ? Promise.resolve() : first.wait()),
    });
    t.push(['a'], ['b']);
    await step.hasBegun;
    t.push([], [], ['c']);
    step.release();
    await first.hasBegun;
    await until(() => !t.lanes[2].isBusy && !t.lanes[2].isWaiting);
    expect(t.steps).toContain('lane 2: replace c@2');
    first.release();
    await t.idle();
    expect(t.steps.slice(1).sort()).toEqual(['lane 0: replace a@1', 'lane 1: replace b@1']);
  });

  it('does not make others wait for a lane that is busy with a rejected change', async () => {
    const tried = held();
    const refused = new ReplicationError('poison', { code: 'refused', message: 'no' });
    let tries = 0;
    const t = lanes({
      applyGroup: (parts) => (parts.some(({ lane }) => lane === 0) ? Promise.reject(refused) : Promise.resolve()),
      apply: async ({ lane, changes }) => {
        if (lane !== 0) return;
        if (changes.length > 1) throw refused;
        tries += 1;
        if (tries === 2) await tried.wait();
      },
    });
    t.push(['a', 'b'], ['c']);
    await tried.hasBegun;
    t.push([], ['d'], ['e']);
    await Promise.all([t.lanes[1], t.lanes[2]].map((lane) => until(() => !lane.isBusy && !lane.isWaiting)));
    const ofOthers = t.steps.filter((step) => !step.startsWith('lane 0'));
    expect(ofOthers).toEqual(['lane 1: replace c@1', 'lane 1: replace d@2', 'lane 2: replace e@2']);
    tried.release();
    await t.idle();
    expect(t.steps.at(-1)).toBe('lane 0: replace b@1');
  });

  it('fails as a lane does, and no lane writes after it', async () => {
    const lost = new ReplicationError('retry', { code: 'not_reachable', message: 'gone' });
    const t = lanes({ applyGroup: () => Promise.reject(lost) });
    t.push(['a'], ['b']);
    await t.idle();
    t.push(['c'], ['d']);
    await t.idle();
    expect(t.failures).toEqual([lost]);
    expect(t.steps).toEqual([]);
    expect(t.mark.advance()).toBe(false);
  });

  it('is waited for by a lane that closes', async () => {
    const step = held();
    const t = lanes({ applyGroup: step.wait });
    t.push(['a'], ['b']);
    await step.hasBegun;
    t.push(['c'], ['d']);
    const closed = Promise.all(t.lanes.map((lane) => lane.close()));
    let over = false;
    void closed.then(() => (over = true));
    await new Promise(setImmediate);
    expect(over).toBe(false);
    step.release();
    await closed;
    expect(t.steps).toEqual(['all: replace a@1 | replace b@1']);
    expect(t.mark.advance() && t.mark.position).toEqual(at(1));
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition() && turns < 1_000; turns += 1) await new Promise(setImmediate);
  expect(condition()).toBe(true);
}
