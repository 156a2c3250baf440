import { resolveCredentials } from '../../auth/resolve';
import { loadConfig } from '../../config/load';
import { ConfigError, type Problem } from '../../config/checks/problem';
import type { Config, StreamConfig } from '../../config/schema';
import { toSpec } from '../../config/spec';
import type { ConnectorContext } from '../../core/ports/connector';
import { ownedFinding } from '../../core/failures/target-owned';
import { isReplicationError } from '../../core/model/errors';
import type { Finding } from '../../core/model/finding';
import { hasRows, type Namespace } from '../../core/model/namespace';
import { addressed } from '../../core/model/remedy';
import { openDestination, openSource } from '../../connectors/registry';
import { scrub } from '../../telemetry/scrub';
import type { PlacedFinding } from '../render/findings';

/** The documented JSON of `config check`. */
export interface Checked {
  readonly file: string;
  readonly problems: readonly Problem[];
  /** Of the databases, with `--connect`. */
  readonly findings: readonly PlacedFinding[];
  readonly streams: readonly string[];
  readonly connected: boolean;
}

export async function checkFile(file: string, connect: boolean, signal: AbortSignal): Promise<Checked> {
  const base = { file, problems: [], findings: [], streams: [], connected: false };
  const config = configOrError(file);
  if (config instanceof ConfigError) return { ...base, problems: config.problems };
  const streams = config.streams.map(({ id }) => id);
  if (!connect) return { ...base, streams };
  const findings = await Promise.all(config.streams.map((stream) => inspectStream(config, stream, signal)));
  return { ...base, streams, connected: true, findings: findings.flat() };
}

function configOrError(file: string): Config | ConfigError {
  try {
    return loadConfig(file);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

async function inspectStream(config: Config, stream: StreamConfig, signal: AbortSignal): Promise<PlacedFinding[]> {
  const context: ConnectorContext = { stream: stream.id, log: () => undefined };
  const spec = toSpec(config, stream.id);
  const place = (side: 'source' | 'destination', findings: readonly Finding[]): PlacedFinding[] =>
    addressed(findings, stream.id).map((finding) => ({ ...finding, stream: stream.id, side }));
  // Stays empty where the source cannot be asked, which is a finding of its own.
  let names: readonly Namespace[] = [];
  const asked = failuresAsFindings(async () => {
    await using opened = await openSource(stream.source, resolveCredentials(spec, 'source'), context);
    const findings = await opened.inspect(signal);
    names = (await opened.namespaces(signal)).filter(hasRows).map(({ name }) => name);
    return findings;
  });
  const [source, destination] = await Promise.all([
    asked,
    failuresAsFindings(async () => {
      await using opened = await openDestination(stream.destination, resolveCredentials(spec, 'destination'), context);
      const findings = await opened.inspect(signal);
      await asked;
      const owned = await opened.ownedByOthers(names, signal);
      return [...findings, ...owned.map(ownedFinding)];
    }),
  ]);
  return [...place('source', source), ...place('destination', destination)];
}

/** What cannot even be asked is a finding too. */
async function failuresAsFindings(inspect: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await inspect();
  } catch (error) {
    if (!isReplicationError(error)) throw error;
    const { code, message, remedy } = error;
    return [{ severity: 'error', code, message: scrub(message), remedy: scrub(remedy) }];
  }
}
