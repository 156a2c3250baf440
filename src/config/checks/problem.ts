import { ReplicationError } from '../../core/model/errors';
import { scrub } from '../../telemetry/scrub';

export type Path = readonly (string | number)[];

/** One thing that is wrong in a configuration, and what to do about it. Never holds the value that was found. */
export interface Problem {
  /** Where, as in `streams[0].source.connection_string`; empty for the whole. */
  readonly path: string;
  /** Counted from 1; null where the input was no text. */
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
  readonly remedy: string;
}

/** A problem before it is known where it stands in the file. `key` means the key itself and not its value. */
export interface Found {
  readonly path: Path;
  readonly at?: 'key' | 'value';
  readonly message: string;
  readonly remedy: string;
}

export const formatPath = (path: Path): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[$A-Za-z_][\w$-]*$/u.test(part)) return `${text}[${JSON.stringify(scrub(part))}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');

const describe = ({ path, line, column, message, remedy }: Problem): string => {
  const place = line === null ? '' : ` (line ${line}${column === null ? '' : `, column ${column}`})`;
  return `  ${path === '' ? 'the file' : path}${place}: ${message}${remedy === '' ? '' : `\n    ${remedy}`}`;
};

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends ReplicationError {
  /** The file, or what else was read. */
  readonly origin: string;
  readonly problems: readonly Problem[];

  constructor(origin: string, found: readonly Problem[]) {
    // Remedies name keys of the file, such as a rename, and a secret may stand in the wrong place.
    const problems = found.map((problem) => ({
      ...problem,
      message: scrub(problem.message),
      remedy: scrub(problem.remedy),
    }));
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super('needs_attention', {
      code: 'config_invalid',
      message: `${origin} has ${count}:\n${problems.map(describe).join('\n')}`,
      remedy: 'correct what is listed, then try again',
    });
    this.origin = origin;
    this.problems = problems;
  }
}
