import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

interface Told {
  readonly ruleId: string | null;
  readonly message: string;
}

/** What the linter has to say of each text, as if it stood at its path. */
export function lint(texts: readonly { readonly path: string; readonly text: string }[]): readonly (readonly Told[])[] {
  const lints = resolve('tests/support/lint-texts.mjs');
  const told = execFileSync(process.execPath, [lints], { input: JSON.stringify(texts), encoding: 'utf8' });
  return JSON.parse(told) as readonly (readonly Told[])[];
}
