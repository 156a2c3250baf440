import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { WORKFLOW_TYPE, workflowId } from '../../src/protocol/names';
import { waitFor } from '../../src/servers/wait';
import { sharedTemporal, uniqueName } from '../support/servers';

const run = promisify(execFile);
const STARTER = join(__dirname, '..', '..', 'dist', 'starter.js');

/** Presses TAB behind these words in a bash that has read the script, as a person's does. */
const PRESS = `
source ./completion.bash
COMP_WORDS=(tributary "$@")
COMP_CWORD=$#
_tributary
printf '%s\\n' "\${COMPREPLY[@]}"
`;

test('bash completes commands, options, files and the ids of streams', async () => {
  const { address, namespace } = sharedTemporal();
  const directory = await mkdtemp(join(tmpdir(), 'tributary-completion-'));
  const connection = await Connection.connect({ address });
  const { workflow } = new Client({ connection, namespace });
  const id = uniqueName('completed');
  // No worker: Temporal knows the stream, and that is enough.
  const handle = await workflow.start(WORKFLOW_TYPE, { workflowId: workflowId(id), taskQueue: id, args: [{}] });
  try {
    await writeFile(join(directory, 'tributary'), `#!/bin/sh\nexec '${process.execPath}' '${STARTER}' "$@"\n`);
    await chmod(join(directory, 'tributary'), 0o755);
    await writeFile(join(directory, 'my streams.yaml'), '');
    const env = {
      ...process.env,
      PATH: `${directory}:${process.env['PATH'] ?? ''}`,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
    };
    const press = async (...words: string[]): Promise<string[]> => {
      const { stdout } = await run('bash', ['-c', PRESS, 'bash', ...words], { cwd: directory, env });
      return stdout.split('\n').filter((line) => line !== '');
    };
    const script = await run(process.execPath, [STARTER, 'completion', 'bash']);
    await writeFile(join(directory, 'completion.bash'), script.stdout);
    expect(await press('streams', 'pa')).toEqual(['pause']);
    expect(await press('verify', id, '--rep')).toEqual(['--repair']);
    expect(await press('apply', '-f', 'my')).toEqual(['my streams.yaml']);
    const found = await waitFor(
      async () => {
        const ids = await press('streams', 'status', id.slice(0, -2));
        return ids.length > 0 ? ids : undefined;
      },
      { what: 'Temporal lists the stream', timeoutMs: 30_000 },
    );
    expect(found).toEqual([id]);
  } finally {
    await handle.terminate();
    await connection.close();
    await rm(directory, { recursive: true });
  }
});
