import { parseDocument } from 'yaml';

/** One line of JSON. `JSON.parse` keeps the last of two fields with one name; this refuses them. */
export function strictJson(line: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(line);
  const [problem] = parseDocument(line, { schema: 'json', uniqueKeys: true }).errors;
  if (problem !== undefined) throw new SyntaxError(`${problem.message} in the line ${line}`);
  return parsed as Record<string, unknown>;
}
