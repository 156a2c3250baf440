import type { StreamSpec } from '../../config/schema';
import type { Position } from '../../core/model/position';
import { runCall } from '../call';
import type { ActivityDeps } from '../deps';
import { openSource } from '../open';
import { sourcePosition } from '../position-reference';

export const currentPosition =
  (deps: ActivityDeps) =>
  (spec: StreamSpec): Promise<{ readonly position: Position; readonly at: string }> =>
    runCall(deps, spec.stream.id, async ({ signal }) => {
      await using source = await openSource(deps, spec);
      const position = await source.currentPosition(signal);
      return { position: sourcePosition(position), at: source.describe(position) };
    });
