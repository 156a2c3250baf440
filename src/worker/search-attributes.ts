import { temporal } from '@temporalio/proto';
import type { Log } from '../replication/connector';
import { SEARCH_ATTRIBUTES } from '../workflows/names';
import type { TemporalConnection } from './connection';

const KEYWORD = temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
const DEADLINE_MS = 10_000;

/** Workflows set these; without them their first task fails, so that a worker registers what is missing where it may. */
export async function ensureSearchAttributes({ connection, namespace }: TemporalConnection, log: Log): Promise<void> {
  const names = Object.values(SEARCH_ATTRIBUTES);
  try {
    await connection.withDeadline(Date.now() + DEADLINE_MS, async () => {
      const { operatorService } = connection;
      const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
      const missing = names.filter((name) => customAttributes[name] === undefined);
      if (missing.length === 0) return;
      await operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
      });
      log('info', 'search_attributes.registered', { namespace, names: missing });
    });
  } catch (error) {
    log('warn', 'search_attributes.unknown', {
      namespace,
      code: (error as { code?: unknown }).code,
      remedy: `this worker may not look at or register search attributes (Temporal Cloud: \`tcld namespace search-attributes add\`); make sure that these exist as Keyword: ${names.join(', ')}`,
    });
  }
}
