import type { Colors } from 'picocolors/types';
import type { SpecChange } from '../../config/diff';
import type { Applied, AppliedStream } from '../apply/apply';
import { grid } from './table';

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

export function appliedTable({ streams, notInFile }: Applied, paint: Colors): string {
  const blocks = [
    grid(
      ['STREAM', 'ACTION'],
      streams.map((stream) => [stream.stream, words(stream, paint)]),
    ),
  ];
  const changes = streams.flatMap(({ stream, changes: all }) =>
    all.map(({ path, before, after, effect }) => [stream, path, shown(before), shown(after), EFFECTS[effect]]),
  );
  if (changes.length > 0) {
    blocks.push(
      grid(['STREAM', 'PATH', 'BEFORE', 'AFTER', 'TAKES EFFECT'], changes, { widths: [null, null, 40, 40, null] }),
    );
  }
  for (const { stream, error } of streams) {
    if (error === null) continue;
    blocks.push(`${paint.red(stream)}: ${error.message}${error.remedy === '' ? '' : `\n  ${error.remedy}`}`);
  }
  if (notInFile.length > 0) {
    blocks.push(`running, but not in the file (left alone): ${notInFile.join(', ')}`);
  }
  return blocks.join('\n\n');
}
