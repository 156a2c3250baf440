import { createServer, type AddressInfo } from 'node:net';
import { Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { temporalLogger } from '../../telemetry/temporal-logger';

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

const ATTEMPTS = 3;

/** Temporal's native core: its logs go to ours, its metrics to a page on loopback that our own page repeats. */
export async function installRuntime(logger: Logger): Promise<{ readonly metricsUrl: string }> {
  for (let attempt = 1; ; attempt += 1) {
    const bindAddress = `127.0.0.1:${await freePort()}`;
    try {
      Runtime.install({
        logger: temporalLogger(logger),
        // The worker process itself decides what a signal means.
        shutdownSignals: [],
        telemetryOptions: {
          logging: { forward: {}, filter: { core: logger.isLevelEnabled('debug') ? 'INFO' : 'WARN', other: 'ERROR' } },
          metrics: {
            prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true },
          },
        },
      });
      return { metricsUrl: `http://${bindAddress}/metrics` };
    } catch (error) {
      // Another process took the port in between.
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
