/** Writes at the source, in a process of its own, so that what is measured is not delayed by it. */
import { MongoClient } from 'mongodb';
import { fill, type Fill } from '../load/fill';
import { writeSteadily, type Pace } from '../load/pace';
import { writeChanges, type Workload } from '../load/workload';
import { serve } from './serve';

let client: MongoClient;
let stopping = new AbortController();

serve({
  open: async (uri: string) => {
    client = await new MongoClient(uri).connect();
  },
  changes: ({ database, ...workload }: Workload & { database: string }) =>
    writeChanges(client.db(database).collection('orders'), workload),
  fill: ({ database, ...what }: Fill & { database: string }) => fill(client.db(database).collection('orders'), what),
  pace: (pace: Pace) => writeSteadily(client, pace, (stopping = new AbortController()).signal),
  stop: () => {
    stopping.abort();
    return Promise.resolve();
  },
});
