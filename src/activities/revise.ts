import { diffSpec } from '../config/diff';
import { parseSpec } from '../config/spec';
import type { StreamSpec } from '../config/schema';
import { ReplicationError } from '../replication/errors';
import type { Namespace } from '../replication/namespace';
import { runCall } from './call';
import type { Revised, Revision } from './contract';
import type { ActivityDeps } from './deps';
import { openSource } from './open';

const SELECTION = new Set(['source.collections', 'source.exclude']);

async function names(deps: ActivityDeps, spec: StreamSpec, signal: AbortSignal): Promise<readonly Namespace[]> {
  await using source = await openSource(deps, spec);
  const namespaces = await source.namespaces(signal);
  return namespaces.filter(({ follows }) => follows !== 'nothing').map(({ name }) => name);
}

/** The current selection, seen with the new login: the current one may be what is being mended. */
function currentSelection({ current, next }: { readonly current: StreamSpec; readonly next: StreamSpec }): StreamSpec {
  const { collections: _new, ...source } = next.stream.source;
  const { collections, exclude } = current.stream.source;
  return {
    ...next,
    stream: { ...next.stream, source: { ...source, exclude, ...(collections !== undefined && { collections }) } },
  };
}

export const revise =
  (deps: ActivityDeps) =>
  ({ current, next: given }: Revision): Promise<Revised> =>
    runCall(deps.log(current.stream.id), async ({ signal }) => {
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
      if (!changes.some(({ path }) => SELECTION.has(path))) return { spec: next, added: [] };
      const before = new Set(await names(deps, currentSelection({ current, next }), signal));
      const after = await names(deps, next, signal);
      return { spec: next, added: after.filter((name) => !before.has(name)) };
    });
