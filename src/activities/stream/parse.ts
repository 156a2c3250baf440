import { parseSpec } from '../../config/spec';
import type { StreamSpec } from '../../config/schema';
import { runCall } from '../call';
import type { ActivityDeps } from '../deps';

const idOf = (spec: unknown): string => {
  const id = (spec as { readonly stream?: { readonly id?: unknown } } | null | undefined)?.stream?.id;
  return typeof id === 'string' ? id : '';
};

export const parse =
  (deps: ActivityDeps) =>
  (spec: unknown): Promise<StreamSpec> =>
    runCall(deps, idOf(spec), () => Promise.resolve().then(() => parseSpec(spec)));
