import Table from 'cli-table3';
import { gridOf } from './format';
import type { Result } from './results';

/** The suite's table, as it is shown when it is over. */
export function tableOf(result: Result): string {
  const { head, rows } = gridOf(result);
  const table = new Table({ head: [...head], style: { head: [], border: [] } });
  for (const row of rows) table.push([...row]);
  return [result.suite, table.toString(), ...(result.notes ?? [])].join('\n');
}
