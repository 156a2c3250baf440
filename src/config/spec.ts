import { readValue } from './document';
import { parseSpecInput } from './parse';
import { ConfigError } from './checks/problem';
import type { AuthenticationConfig, Config, StreamConfig, StreamSpec } from './schema';

const named = (stream: StreamConfig, authentication: readonly AuthenticationConfig[]): AuthenticationConfig[] =>
  authentication
    .filter(({ id }) => id === stream.source.auth_id || id === stream.destination.auth_id)
    .sort((a, b) => (a.id < b.id ? -1 : 1));

/** What a stream's workflow is started with. Equal streams give equal specs, whatever else the file holds. */
export function toSpec(config: Config, streamId: string): StreamSpec {
  const stream = config.streams.find(({ id }) => id === streamId);
  if (stream === undefined) {
    const known = config.streams.map(({ id }) => id).join(', ');
    const remedy = known === '' ? 'the configuration has no streams' : `known are: ${known}`;
    const message = `there is no stream "${streamId}"`;
    throw new ConfigError('the configuration', [{ path: 'streams', line: null, column: null, message, remedy }]);
  }
  return { stream, authentication: named(stream, config.authentication) };
}

/**
 * A workflow's input, which may come from a person with the plain Temporal CLI: the same checks and defaults as for a
 * file. Parsing what was parsed changes nothing.
 */
export function parseSpec(input: unknown): StreamSpec {
  const { stream, authentication } = parseSpecInput(readValue(input), "the workflow's input");
  return { stream, authentication: named(stream, authentication) };
}
