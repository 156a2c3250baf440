import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { MongoClient } from 'mongodb';
import type { StreamSpecInput } from '../src/config/schema';
import { TASK_QUEUE, WORKFLOW_TYPE, workflowId } from '../src/workflows/names';
import type { Contender } from './contender';

const DATABASE = 'bench_tributary';

/** The product as people run it: a worker process, Temporal, a stream at default settings. */
export async function tributary(
  source: MongoClient,
  target: MongoClient,
  options: {
    readonly source: string;
    readonly target: string;
    readonly temporal: string;
    readonly logFile: string;
    readonly profile?: string;
  },
): Promise<Contender> {
  await source.db(DATABASE).createCollection('orders');
  await source.db(DATABASE).createCollection('lag');
  const log = openSync(options.logFile, 'a');
  const profiling = options.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', options.profile];
  const worker = spawn(process.execPath, [...profiling, join(__dirname, '..', 'dist', 'worker.js')], {
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: options.temporal,
      BENCH_SOURCE_URI: options.source,
      BENCH_TARGET_URI: options.target,
      TRIBUTARY_METRICS_PORT: '0',
      TRIBUTARY_HEALTH_PORT: '0',
    },
  });
  const connection = await Connection.connect({ address: options.temporal });
  const client = new Client({ connection });
  const spec: StreamSpecInput = {
    stream: {
      id: 'bench',
      source: { type: 'mongodb', connection_string: '${env:BENCH_SOURCE_URI}', database: DATABASE },
      destination: { type: 'mongodb', connection_string: '${env:BENCH_TARGET_URI}' },
    },
  };
  const handle = await client.workflow.start(WORKFLOW_TYPE, {
    workflowId: workflowId('bench'),
    taskQueue: TASK_QUEUE,
    args: [{ spec }],
  });
  await handle.executeUpdate('catchUp', { args: [{ timeoutMs: 60_000 }] });
  return {
    name: 'tributary',
    source: source.db(DATABASE),
    target: target.db(DATABASE),
    pid: worker.pid ?? 0,
    hold: async () => {
      await handle.executeUpdate('pause');
    },
    go: async () => {
      await handle.executeUpdate('resume');
    },
    [Symbol.asyncDispose]: async () => {
      await handle.executeUpdate('stop').catch(() => undefined);
      const exited = once(worker, 'exit');
      worker.kill('SIGTERM');
      await exited;
      await connection.close();
    },
  };
}
