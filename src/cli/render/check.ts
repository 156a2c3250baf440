import type { Problem } from '../../config/checks/problem';
import type { Checked } from '../check/check';
import { findingsTable } from './findings';
import { grid, type Look } from './table';

const place = ({ line, column }: Problem): string =>
  line === null ? '-' : `${line}${column === null ? '' : `:${column}`}`;

export function checkedTable({ file, problems, findings, streams, connected }: Checked, look: Look): string {
  if (problems.length > 0) {
    const rows = problems.map((problem) => [
      place(problem),
      problem.path === '' ? 'the file' : problem.path,
      problem.message,
      problem.remedy,
    ]);
    return grid(look, ['LINE', 'PATH', 'PROBLEM', 'REMEDY'], rows, { wraps: [2, 3] });
  }
  const said = `${file}: ${look.paint.green('valid')}, ${streams.length === 1 ? '1 stream' : `${streams.length} streams`}${
    streams.length === 0 ? '' : ` (${streams.join(', ')})`
  }`;
  if (!connected) return said;
  return findings.length === 0 ? `${said}; the databases are ready` : `${said}\n\n${findingsTable(findings, look)}`;
}
