import { SEARCH_ATTRIBUTES } from './names';

const table = (rows: readonly (readonly [string, string])[]): string =>
  ['| to | command |', '| --- | --- |', ...rows.map(([to, command]) => `| ${to} | \`${command}\` |`)].join('\n');

/** Of the web UI, for all workflows of one stream. */
const link = (stream: string, namespace: string): string => {
  const query = encodeURIComponent(`${SEARCH_ATTRIBUTES.stream} = "${stream}"`);
  return `[Everything of this stream](/namespaces/${encodeURIComponent(namespace)}/workflows?query=${query})`;
};

/** How to steer a stream, shown with its workflow in the web UI. `namespace`: of Temporal, where it is known. */
export const streamHowTo = (stream: string, namespace?: string): string =>
  [
    'Replicates one database to another, for as long as it runs. What it does now stands in the current details.',
    '',
    table([
      ['see it as of now', `tributary streams status ${stream}`],
      ['hold it, nothing half written', `tributary streams pause ${stream}`],
      ['go on, also after a failure', `tributary streams resume ${stream}`],
      ['change its configuration', 'tributary apply -f FILE'],
      ['compare both sides', `tributary verify ${stream}`],
      ['see rejected changes', `tributary dead-letters list --stream ${stream}`],
      ['copy everything again', `tributary streams restart ${stream} --from snapshot`],
      ['cut over: catch up, put indexes in force, end', `tributary streams finalize ${stream}`],
      ['end it; it can go on later', `tributary streams stop ${stream}`],
    ]),
    '',
    'The updates of this workflow do the same. Cancelling it is a stop; terminating it loses nothing, either: apply it again.',
    ...(namespace === undefined ? [] : ['', link(stream, namespace)]),
  ].join('\n');

export const verificationHowTo = (stream: string, namespace: string): string =>
  [
    `Compares both sides of stream \`${stream}\` row by row, and writes no row. Its progress stands in the current details.`,
    '',
    table([
      ['see it, with the keys that differ', `tributary verify ${stream} --status`],
      ['copy again what differs', `tributary verify ${stream} --repair`],
      ['end it', `tributary verify ${stream} --stop`],
    ]),
    '',
    link(stream, namespace),
  ].join('\n');

export const replayHowTo = (stream: string, namespace: string): string =>
  [
    `Has stream \`${stream}\` copy again the rows of its dead letters. Cancelling it leaves the others open.`,
    '',
    table([['see which are left', `tributary dead-letters list --stream ${stream}`]]),
    '',
    link(stream, namespace),
  ].join('\n');
