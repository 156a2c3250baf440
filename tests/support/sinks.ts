import type { InjectedSinks } from '@temporalio/worker';
import type { StreamSinks } from '../../src/protocol/stream-messages';

/** For workers of tests that count nothing. */
export const sinks: InjectedSinks<StreamSinks> = {
  streams: { happened: { fn: () => undefined, callDuringReplay: false } },
};
