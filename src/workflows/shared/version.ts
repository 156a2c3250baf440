import type { FailureInfo } from '../../protocol/failure';
import { INPUT_VERSION, type Versioned } from '../../protocol/input';

/** Read as its first version is: 0.1.0 wrote none. */
const UNSAID = 1;

/**
 * Why this worker cannot read an input; null where it can. Every workflow asks once, before anything else: a state of another
 * shape would be read as damage, or worse, as a stream without a position.
 */
export function unreadable(input: Versioned): FailureInfo | null {
  const version: unknown = input.version ?? UNSAID;
  if (typeof version === 'number' && Number.isInteger(version) && version >= 1 && version <= INPUT_VERSION) return null;
  const told = typeof version === 'number' ? `version ${version}` : 'a version that is no number';
  return {
    kind: 'needs_attention',
    code: 'unknown_input_version',
    message: `the input of this workflow has ${told}, and this worker reads versions up to ${INPUT_VERSION}`,
    remedy:
      'start workers of the version of Tributary that wrote the input, or of a newer one, and no others; then start it again: a stream goes on from its ledger after `tributary apply -f FILE`',
  };
}
