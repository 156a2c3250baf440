import type { Colors } from 'picocolors/types';
import type { SpecChange } from '../../config/diff';
import type { Applied, AppliedStream } from '../apply/apply';
import { grid, type Look, prose, trouble } from './table';

const EFFECTS: Readonly<Record<SpecChange['effect'], string>> = {
  live: 'at once',
  restart_leg: 'with a new leg',
  needs_restart: 'refused while the stream runs',
};

const DONE: Readonly<Record<AppliedStream['action'], string>> = {
  start: 'started',
  reconfigure: 'reconfigured',
  unchanged: 'unchanged',
  disabled: 'not started: enabled is false',
  refused: 'refused',
};

const PLANNED: Readonly<Record<AppliedStream['action'], string>> = {
  ...DONE,
  start: 'would start',
  reconfigure: 'would reconfigure',
  disabled: 'would not start: enabled is false',
};

const THEN = { pause: 'pause', resume: 'resume' } as const;

function shown(value: unknown): string {
  if (value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function words({ action, then, outcome }: AppliedStream, paint: Colors): string {
  if (outcome === 'failed') return paint.red(action === 'refused' ? 'refused' : 'failed');
  const word = outcome === 'planned' ? PLANNED[action] : DONE[action];
  const follow = then === null ? '' : outcome === 'planned' ? `, then ${THEN[then]}` : `, ${THEN[then]}d`;
  return action === 'unchanged' ? word : paint.green(`${word}${follow}`);
}

export function appliedTable(
  { streams, notInFile, unpolledQueues, missingSearchAttributes }: Applied,
  look: Look,
): string {
  const { paint } = look;
  const blocks = [
    grid(
      look,
      ['STREAM', 'ACTION'],
      streams.map((stream) => [stream.stream, words(stream, paint)]),
      { wraps: [1] },
    ),
  ];
  const changes = streams.flatMap(({ stream, changes: all }) =>
    all.map(({ path, before, after, effect }) => [stream, path, shown(before), shown(after), EFFECTS[effect]]),
  );
  if (changes.length > 0) {
    blocks.push(grid(look, ['STREAM', 'PATH', 'BEFORE', 'AFTER', 'TAKES EFFECT'], changes, { wraps: [2, 3, 4] }));
  }
  for (const { stream, error } of streams) {
    if (error === null) continue;
    blocks.push(trouble(look, `${paint.red(stream)}: ${error.message}`, error.remedy));
  }
  if (notInFile.length > 0) {
    blocks.push(prose(look, `running, but not in the file (left alone): ${notInFile.join(', ')}`));
  }
  // A stream that could not start because of them has said so.
  if (missingSearchAttributes !== null && streams.every(({ error }) => error === null)) {
    const { names, remedy } = missingSearchAttributes;
    const what = `${paint.yellow('search attributes are missing')} (${names.join(', ')}), and this login may not register them: the web UI cannot find streams by them, and no new stream can start`;
    blocks.push(trouble(look, what, remedy));
  }
  if (unpolledQueues.length > 0) {
    const queues = unpolledQueues.map((queue) => JSON.stringify(queue)).join(' and ');
    const what = `${paint.yellow('no worker polls')} task queue ${queues}: what was started waits until one does; start one with \`tributary worker\``;
    blocks.push(prose(look, what));
  }
  return blocks.join('\n\n');
}
