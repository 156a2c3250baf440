import { MemoryServer, type Interrupt } from '../support/connectors/memory/server';
import { LostAnswer, MemoryStateStore } from '../support/connectors/memory/state-store';
import { describeStateStore, type StateStoreFixture } from './state-store-suite';

describeStateStore('memory', () => {
  const server = new MemoryServer();
  let lost = 0;
  let losing = false;
  const interrupt: Interrupt = (call, moment) => {
    if (!losing || call !== 'fence' || moment !== 'after') return;
    losing = false;
    lost += 1;
    throw new LostAnswer();
  };
  const fixture: StateStoreFixture = {
    open: () => new MemoryStateStore(server, interrupt),
    begin: (slot, epoch, ops) => {
      const open = server.begin(slot.key, epoch);
      const commit = (): Promise<'written' | 'stale'> => {
        const written = server.commit(open, () => {
          if (!ops.every((op) => server.holds(op))) return false;
          for (const op of ops) server.put(op);
          return true;
        });
        return Promise.resolve(written ? 'written' : 'stale');
      };
      return Promise.resolve({ commit });
    },
    loseNextFence: () => {
      losing = true;
      return Promise.resolve(() => {
        expect(lost).toBe(1);
        return Promise.resolve();
      });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return Promise.resolve(fixture);
});
