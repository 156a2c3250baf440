import { controlCalls } from '../../shared/calls';
import { attempt, succeeded } from './leg';
import type { Run } from '../run';

/** Checks the spec: that of a stream which was started by hand did not go through `apply`. */
export async function parseSpec(run: Run): Promise<void> {
  const { revision } = run.state;
  const spec = await attempt(run, () => controlCalls('check the spec').parse(run.spec));
  if (spec === null || revision !== run.state.revision) return;
  run.spec = spec;
  run.state.parsed = true;
  succeeded(run);
}
