import { temporal } from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../protocol/names';
import type { Log } from '../../core/ports/connector';
import { createAttributes } from '../../temporal/attributes';
import type { TemporalConnection } from './connection';

const KEYWORD = temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
const DEADLINE_MS = 10_000;

const ALREADY_EXISTS = 6;

/**
 * Workflows set these; without them their first task fails, so that a worker registers what is missing where it may. Where it
 * may not, it runs all the same: streams start as soon as an administrator has registered them.
 */
export async function ensureSearchAttributes({ connection, namespace }: TemporalConnection, log: Log): Promise<void> {
  const names = Object.values(SEARCH_ATTRIBUTES);
  const { operatorService } = connection;
  const within = <T>(call: () => Promise<T>): Promise<T> => connection.withDeadline(Date.now() + DEADLINE_MS, call);
  let missing: string[];
  try {
    const { customAttributes } = await within(() => operatorService.listSearchAttributes({ namespace }));
    missing = names.filter((name) => customAttributes[name] === undefined);
  } catch (error) {
    log('warn', 'search_attributes.unknown', {
      namespace,
      code: codeOf(error),
      remedy: `this worker could not list search attributes; where they are missing, streams cannot start until an administrator has run: ${createAttributes(namespace, names)}`,
    });
    return;
  }
  if (missing.length === 0) return;
  try {
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await within(() => operatorService.addSearchAttributes({ namespace, searchAttributes }));
    log('info', 'search_attributes.registered', { namespace, names: missing });
  } catch (error) {
    // Another worker was faster.
    if (codeOf(error) === ALREADY_EXISTS) return;
    log('error', 'search_attributes.missing', {
      namespace,
      names: missing,
      code: codeOf(error),
      remedy: `no stream can start without them, and this worker may not register them: ${createAttributes(namespace, missing)}`,
    });
  }
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
