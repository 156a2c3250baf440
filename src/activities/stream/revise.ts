import { diffSpec } from '../../config/diff';
import { parseSpec } from '../../config/spec';
import type { Revised, Revision } from '../../protocol/stream-activities';
import { ReplicationError } from '../../core/model/errors';
import { runCall } from '../call';
import type { ActivityDeps } from '../deps';

const SELECTION = new Set(['source.collections', 'source.exclude']);

export const revise =
  (deps: ActivityDeps) =>
  ({ current, next: given }: Revision): Promise<Revised> =>
    runCall(deps, current.stream.id, () => {
      const next = parseSpec(given);
      const changes = diffSpec(current, next);
      const refused = changes.filter(({ effect }) => effect === 'needs_restart').map(({ path }) => path);
      if (refused.length > 0) {
        throw new ReplicationError('needs_attention', {
          code: 'needs_restart',
          message: `cannot change while the stream lives, because what has been copied would no longer fit: ${refused.join(', ')}`,
          remedy: 'stop the stream, apply again, then restart it from its snapshot; or give it another id',
        });
      }
      return Promise.resolve({ spec: next, reselected: changes.some(({ path }) => SELECTION.has(path)) });
    });
