import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerOptions } from '@temporalio/worker';
import { SettingsError } from './settings';

const codePath = join(__dirname, '..', 'workflow-bundle.js');

/** The workflow code as built ahead of time; from sources, Temporal bundles it at start, which takes seconds. */
export const workflowCode = (): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> =>
  existsSync(codePath) ? { workflowBundle: { codePath } } : { workflowsPath: require.resolve('../workflows/index') };

/** Why a worker of workflows could not be made: of what it is made from, all but the connection is the code. */
export const codeUnusable = (error: unknown): unknown =>
  error instanceof Error && error.name === 'TransportError'
    ? error
    : new SettingsError(
        `the workflow code in ${codePath} cannot be used (${error instanceof Error ? error.message : String(error)}); install the package again, or in a clone run \`npm run build\``,
        { cause: error },
      );
