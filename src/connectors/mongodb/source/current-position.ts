import { Timestamp } from 'mongodb';
import { systemClock } from '../../../host/clock';
import type { Position } from '../../../core/model/position';
import { ReplicationError } from '../../../core/model/errors';
import type { ChangeStreams } from './stream/cursor';
import { ask, type Deployment } from './deployment';
import { position, tokenData, type PositionScope, type StreamToken } from './position';
import { readToken } from './token';

/**
 * Servers whose places are numbers give a place before the oldest write that is being committed, also where later ones are
 * acknowledged already. Such a commit takes milliseconds, and more only on a machine that is full.
 */
const COMMIT_MS = 50;

/** The post-batch token of a stream opened now. Everything written before the call lies at or before it. */
export async function currentPosition(
  streams: ChangeStreams,
  deployment: Deployment,
  scope: PositionScope,
  signal: AbortSignal,
): Promise<Position> {
  const before = await deployment.now(signal);
  let { data, facts } = await newest(streams, signal);
  if (facts?.keys === '') {
    await systemClock.sleep(COMMIT_MS, signal);
    ({ data, facts } = await newest(streams, signal));
  }
  // Where places are numbers the token's own time is that of the reply; the operation time is the safe one.
  if (facts === null || facts.keys === '') return position(scope, data, before, true);
  // Behind a router nothing proves that a time was drained: the mark itself is passed once every shard is beyond it.
  const { t, i } = facts.time;
  const routed = scope.history.startsWith('cluster:');
  // A fresh stream starts one tick after the newest entry. An idle one is drained at that entry, and is then here.
  if (!routed && i > 1 && facts.time.greaterThan(before))
    return position(scope, data, new Timestamp({ t, i: i - 1 }), true);
  return position(scope, data, facts.time, false);
}

/** The token of a stream that is opened now, and what it tells of its place. */
async function newest(
  streams: ChangeStreams,
  signal: AbortSignal,
): Promise<{ readonly data: StreamToken['data']; readonly facts: ReturnType<typeof readToken> }> {
  const open = await ask(() => streams.open({}, signal));
  await open.close();
  const token = open.opened.postBatchResumeToken;
  if (token === null) {
    throw new ReplicationError('needs_attention', {
      code: 'unsupported',
      message: 'the source gives no post-batch resume token',
      remedy: 'Use MongoDB 4.2 or later.',
    });
  }
  const data = tokenData(token);
  return { data, facts: typeof data === 'string' ? readToken(data) : null };
}
