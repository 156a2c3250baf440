import { splitNamespace } from '../../core/model/namespace';
import { compileRenames, compileSelection, SERVER_DATABASES } from '../../core/mapping/pattern';
import { includes, isExcluded, partsOverlap, sourceArea, targetArea } from './area';
import { connectionFor } from '../../connectors/connections';
import { durationMs } from '../values/duration';
import type { Found, Path } from './problem';
import type { StreamConfig } from '../schema';

/** What nearly no name holds, and many a regular expression does. */
const EXPRESSION =
  /^\^|\$$|^\/.*\/[a-z]*$|\\[.^$*+?()[\]{}|dDwWsSbB]|\[\^|\[[^\]]*-[^\]]*\]|\][*+?{]|\)[*+?{]|\(\?|\([^)]*\||\.\+|[^.]\|/u;
const EXPRESSION_REMEDY =
  'patterns know * (any text) and ? (one character), as in "orders*"; for a name that holds such a character, write ? in its place';

type Report = (path: Path, message: string, remedy: string, at?: 'key') => void;

/** What a ledger database keeps besides dead letters. */
const LEDGER_COLLECTIONS: readonly string[] = ['ledger', 'ranges', 'namespaces', 'repairs', 'verification', 'together'];

const wildcards = (pattern: string): string => pattern.replace(/[^*?]/gu, '');

function checkDatabase(name: string | undefined, path: Path, report: Report): void {
  // A reference is refused where it stands; it is no odd name besides.
  if (name === undefined || name.includes('${')) return;
  if (/[*?]/u.test(name)) {
    report(
      path,
      'is a pattern',
      'name one database; leave it out and write "database.collection" patterns for several',
    );
  } else if (/[/\\. "$<>:|\0]/u.test(name) || Buffer.byteLength(name) > 63) {
    report(path, 'is no database name', 'a database name has up to 63 bytes and none of / \\ . " $ < > : | or a space');
  } else if (SERVER_DATABASES.includes(name)) {
    report(path, 'belongs to the server', `name another database than ${SERVER_DATABASES.join(', ')}`);
  }
}

function checkPatterns(stream: StreamConfig, report: Report): boolean {
  const { source } = stream;
  let refused = 0;
  const refuse: Report = (...problem) => {
    refused += 1;
    report(...problem);
  };
  for (const key of ['collections', 'exclude'] as const) {
    for (const [index, pattern] of (source[key] ?? []).entries()) {
      const path = ['source', key, index];
      const { database, collection } = splitNamespace(pattern);
      if (EXPRESSION.test(pattern)) {
        refuse(path, 'is a regular expression', EXPRESSION_REMEDY);
      } else if (pattern.includes('\0') || pattern.startsWith('$')) {
        refuse(path, 'is no pattern for collection names', 'a collection name has no "$" in front and no NUL');
      } else if (source.database === undefined && (collection === '' || database === '')) {
        const example = JSON.stringify(`shop.${collection || database || 'orders'}`);
        refuse(path, 'names no database', `write ${example}, or set source.database`);
      } else if (
        key === 'collections' &&
        (source.database === undefined ? collection : pattern).startsWith('system.')
      ) {
        refuse(path, 'is never followed', 'collections "system.*" belong to the server: remove the pattern');
      }
    }
  }
  if (refused > 0) return false;
  const area = sourceArea(stream);
  for (const [index, part] of area.parts.entries()) {
    if (!isExcluded(area, part)) continue;
    const path = source.collections === undefined ? ['source', 'exclude'] : ['source', 'collections', index];
    refuse(
      path,
      'leaves nothing to follow, because all of it is excluded',
      'narrow the exclusion, or remove the pattern',
    );
  }
  return refused === 0;
}

function checkRenames(stream: StreamConfig, report: Report): void {
  const { namespaces, database } = stream.destination;
  const area = sourceArea(stream);
  const seen = new Map<string, string>();
  const target = compileRenames(stream.destination);
  const selection = compileSelection(stream.source);
  for (const [from, to] of Object.entries(namespaces)) {
    const path = ['destination', 'namespaces', from];
    const key = splitNamespace(from);
    const value = splitNamespace(to);
    const other = seen.get(to);
    seen.set(to, from);
    if (EXPRESSION.test(from)) {
      report(path, 'is a regular expression', EXPRESSION_REMEDY, 'key');
    } else if (key.collection === '' || key.database === '') {
      report(path, 'names no database', `write it as "${stream.source.database ?? 'shop'}.${from}"`, 'key');
    } else if (value.collection === '' || value.database === '') {
      report(path, 'goes to a name without a database', `write it as "${database ?? key.database}.${to || 'orders'}"`);
    } else if (other !== undefined) {
      report(path, `goes to the same target as "${other}"`, 'give each of the two a target of its own');
    } else if (wildcards(from) !== wildcards(to)) {
      report(path, 'has other wildcards than its target', 'repeat each * and ? of the name in the target, in order');
    } else if (!includes(area, key)) {
      report(path, 'renames what the stream does not follow', 'correct the name, or extend source.collections', 'key');
    } else if (isReserved(value, stream)) {
      report(path, 'goes to a database or collection that is not for rows', 'choose another target');
    } else if (wildcards(to) === '' && to !== from && selection.matches(to) && target(to) === to) {
      report(path, `goes to where "${to}" of the source goes already`, `rename "${to}" too, or choose another target`);
    }
  }
}

const isReserved = (
  { database, collection }: { database: string; collection: string },
  stream: StreamConfig,
): boolean =>
  [...SERVER_DATABASES, stream.destination.options.ledger_database].includes(database) ||
  collection.startsWith('system.');

function checkTarget(stream: StreamConfig, report: Report): void {
  const { source, destination } = stream;
  checkDatabase(destination.database, ['destination', 'database'], report);
  const ledger = destination.options.ledger_database;
  const path = ['destination', 'options', 'ledger_database'];
  checkDatabase(ledger, path, report);
  if (targetArea(stream).parts.some((part) => part.database === ledger)) {
    report(path, 'is a database that rows are written to', 'give the ledger a database of its own');
  }
  const databases = new Set(sourceArea(stream).parts.map((part) => part.database));
  const several = databases.size > 1 || [...databases].some((name) => /[*?]/u.test(name));
  const unnamed = [...databases].some(
    (name) =>
      !Object.keys(destination.namespaces).some((key) =>
        partsOverlap(splitNamespace(key), { database: name, collection: '*' }),
      ),
  );
  if (destination.database !== undefined && several && unnamed && source.database === undefined) {
    report(
      ['destination', 'database'],
      'would put collections of several databases together, where equal names collide',
      'leave it out, or rename: namespaces: { "*.*": "archive.*_*" }',
    );
  }
}

function checkDeadLetters(stream: StreamConfig, report: Report): void {
  const { dead_letter_destination: letters, max_retries: retries = 0, retry_delay: delay } = stream.error_handling;
  if (durationMs(delay) * retries > durationMs(stream.advanced.slice) / 2) {
    const path = ['error_handling', 'max_retries'];
    report(
      path,
      'takes longer than half of advanced.slice, in which all tries have to fit',
      'try less often, or sooner',
    );
  }
  if (letters === undefined) return;
  const path = ['error_handling', 'dead_letter_destination'];
  const { database, collection } = splitNamespace(letters);
  const { parts } = targetArea(stream);
  if (/[*?$\0]/u.test(letters) || SERVER_DATABASES.includes(database) || collection.startsWith('system.')) {
    report(path, 'is no name for a collection of rows', 'name one "database.collection" of your own');
  } else if (database === stream.destination.options.ledger_database && LEDGER_COLLECTIONS.includes(collection)) {
    report(path, 'is a collection of the ledger', 'choose another name; `dead_letters` is the default');
  } else if (parts.some((part) => partsOverlap(part, { database, collection }))) {
    report(path, 'is where rows may be written to', 'choose another database, or leave the default');
  }
}

function checkTimes({ retry_policy: retry, advanced, source, snapshot }: StreamConfig, report: Report): void {
  const positive: readonly (readonly [Path, string])[] = [
    [['retry_policy', 'initial_delay'], retry.initial_delay],
    [['retry_policy', 'max_delay'], retry.max_delay],
    [['advanced', 'slice'], advanced.slice],
    [['advanced', 'heartbeat_timeout'], advanced.heartbeat_timeout],
    [['advanced', 'stall_timeout'], advanced.stall_timeout],
    [['source', 'options', 'max_await'], source.options.max_await],
  ];
  for (const [path, duration] of positive) {
    if (durationMs(duration) < 1) report(path, 'is no time at all', 'write 1ms or more');
  }
  if (durationMs(retry.initial_delay) > durationMs(retry.max_delay)) {
    report(['retry_policy', 'initial_delay'], 'is longer than max_delay', 'shorten it, or raise max_delay');
  }
  if (durationMs(source.options.max_await) >= durationMs(advanced.stall_timeout)) {
    report(['source', 'options', 'max_await'], 'is not shorter than advanced.stall_timeout', 'shorten it: 2s is usual');
  }
  if (snapshot.mode === 'never' && snapshot.on_existing !== 'refuse') {
    report(['snapshot', 'on_existing'], 'has no effect with snapshot.mode: never', 'remove it, or let the stream copy');
  }
}

/** What can be said about one stream alone. */
export function checkStream(stream: StreamConfig, logins: ReadonlySet<string>, at: Path): readonly Found[] {
  const found: Found[] = [];
  const report: Report = (path, message, remedy, place) =>
    found.push({ path: [...at, ...path], message, remedy, ...(place === undefined ? {} : { at: place }) });
  for (const side of ['source', 'destination'] as const) {
    const { type, connection_string: setting, auth_id: login } = stream[side];
    const parsed = connectionFor(type).parse(setting);
    if ('fault' in parsed) report([side, 'connection_string'], parsed.fault.message, parsed.fault.remedy);
    if (login !== undefined && !logins.has(login)) {
      const known = logins.size === 0 ? 'add it to authentication' : `known are: ${[...logins].join(', ')}`;
      report([side, 'auth_id'], 'names no entry of authentication', known);
    } else if (login !== undefined && 'value' in parsed && parsed.value.hasLogin) {
      report([side, 'connection_string'], 'names a user although auth_id does', 'remove one of the two');
    }
  }
  checkDatabase(stream.source.database, ['source', 'database'], report);
  if (checkPatterns(stream, report)) {
    checkRenames(stream, report);
    checkTarget(stream, report);
    checkDeadLetters(stream, report);
  }
  checkTimes(stream, report);
  return found;
}
