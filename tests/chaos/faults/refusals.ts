import { setTimeout as delay } from 'node:timers/promises';
import { failPoint } from '../../support/fail-point';
import { bite, within, type Inject } from './bite';

const PATIENCE_MS = 15_000;
const HISTORY_LOST = 286;
/** A token that is refused twice is history lost; once, its time still does. */
const TOKEN_REFUSED = 280;

export const refuse: Inject<'refuse'> = async ({ stage, t, proxies }, { side, commands, code, ms }) => {
  const proxy = proxies[side];
  const before = proxy.answered(code);
  const times = code === TOKEN_REFUSED ? 1 : undefined;
  await using _refusing = await failPoint(
    stage.server(side).uri,
    t.id,
    { failCommands: commands, errorCode: code },
    times,
  );
  await delay(ms);
  await within(PATIENCE_MS, () => proxy.answered(code) > before);
  const answers = proxy.answered(code) - before;
  return bite(answers > 0, `the ${side} answered ${commands.join(', ')} with ${code} ${answers} times`);
};

export const writeConcern: Inject<'write_concern'> = async ({ stage, t, proxies }, { code, ms }) => {
  const proxy = proxies.destination;
  const before = proxy.answered(code);
  const fault = { failCommands: ['commitTransaction'], writeConcernError: { code, errmsg: 'not known to be durable' } };
  await using _refusing = await failPoint(stage.destination.uri, t.id, fault);
  await delay(ms);
  await within(PATIENCE_MS, () => proxy.answered(code) > before);
  const answers = proxy.answered(code) - before;
  return bite(answers > 0, `${answers} commits took effect and were answered with ${code}`);
};

export const historyError: Inject<'history_error'> = async (round) => {
  const { stage, t } = round;
  let seen: boolean;
  {
    const fault = { failCommands: ['getMore'], errorCode: HISTORY_LOST };
    await using _refusing = await failPoint(stage.source.uri, t.id, fault);
    seen = await t
      .until('needs attention', ({ status }) => status === 'needs_attention', 20_000)
      .then(({ failure }) => failure?.code === 'history_lost')
      .catch(() => false);
  }
  await round.insist('a resume', () => t.resume());
  return bite(seen, seen ? 'needed attention, and was resumed' : 'never needed attention');
};
