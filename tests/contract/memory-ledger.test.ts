import { MemoryServer } from '../support/connectors/memory/server';
import { MemoryStateStore } from '../support/connectors/memory/state-store';
import { MemoryWriter } from '../support/connectors/memory/writer';
import { describeLedger } from './ledger-suite';

describeLedger('memory', () => {
  const server = new MemoryServer();
  return Promise.resolve({
    open: () => ({ store: new MemoryStateStore(server), writer: new MemoryWriter(server) }),
    rows: (namespace) =>
      Promise.resolve(new Map([...server.rows(namespace)].map(([id, row]) => [id, row.toString('utf8')]))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
