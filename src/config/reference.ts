import { readFileSync } from 'node:fs';
import { ReplicationError, THEN_RESUME } from '../core/model/errors';
import { Secret } from './secret';

/** Where references are looked up; tests and `config check` bring their own. */
export interface ReferenceSources {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly readFile?: (path: string) => string;
}

const REFERENCE = /\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}\n]+)\}/gu;
const ANYTHING_LIKE_IT = /\$\{/u;

/** The references in a text, as written. */
export const referencesIn = (text: string): readonly string[] => text.match(REFERENCE) ?? [];

/** True when the text is made of references alone, so that it holds nothing secret. */
export const isReference = (text: string): boolean => text !== '' && text.replace(REFERENCE, '') === '';

/** True when something looks like a reference and is none, such as `${SOURCE_URI}`. */
export const hasMalformedReference = (text: string): boolean => ANYTHING_LIKE_IT.test(text.replace(REFERENCE, ''));

/** Replaces each reference; whatever stands between them is kept. */
export const replaceReferences = (text: string, replace: (reference: string) => string): string =>
  text.replace(REFERENCE, (reference) => replace(reference));

/** Stands for a reference while the text around it is taken apart: no character of it means anything in an address. */
const placeholder = (index: number): string => `\uE000${index}\uE001`;
const PLACEHOLDER = /\uE000(\d+)\uE001/gu;

/** A text whose references are out of the way. */
export interface Masked {
  readonly text: string;
  /** Puts the references back into what has become of the text, or what `replace` gives for each. */
  readonly restore: (text: string, replace?: (reference: string) => string) => string;
}

export function maskReferences(text: string): Masked {
  const references: string[] = [];
  const masked = replaceReferences(text, (reference) => placeholder(references.push(reference) - 1));
  return {
    text: masked,
    restore: (changed, replace = (reference) => reference) =>
      references.length === 0
        ? changed
        : changed.replace(PLACEHOLDER, (found, index: string) => {
            const reference = references[Number(index)];
            return reference === undefined ? found : replace(reference);
          }),
  };
}

/** Whether a part of a masked text is made of references alone. */
export const isMasked = (part: string): boolean => /^(?:\uE000\d+\uE001)+$/u.test(part);

const unresolved = (reference: string, reason: string, remedy: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'reference_unresolved',
    message: `the reference ${reference} cannot be resolved: ${reason}`,
    remedy,
    then: `Every worker needs it. ${THEN_RESUME}`,
  });

/** The system's name for what went wrong with a file, such as `ENOENT`. */
export const errorCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unreadable';

/** The value that one reference stands for. The line break that editors and `echo` leave at a file's end is no part of it. */
export function lookUp(reference: string, sources: ReferenceSources = {}): string {
  const name = reference.slice(reference.indexOf(':') + 1, -1);
  if (reference.startsWith('${env:')) {
    const value = (sources.env ?? process.env)[name];
    if (value !== undefined && value !== '') return value;
    const reason = value === undefined ? 'the environment variable is not set' : 'the environment variable is empty';
    throw unresolved(reference, reason, `Set ${name} in the environment of the process that connects.`);
  }
  const read = sources.readFile ?? ((path: string) => readFileSync(path, 'utf8'));
  let value: string;
  try {
    value = read(name).replace(/\r?\n$/u, '');
  } catch (error) {
    throw unresolved(
      reference,
      `the file cannot be read (${errorCode(error)})`,
      `Make the file ${name} readable for the process that connects.`,
    );
  }
  if (value !== '') return value;
  throw unresolved(reference, 'the file is empty', `Write the secret into ${name}.`);
}

/** Resolves every reference in a text, in the worker that needs it. */
export const resolveReferences = (text: string, sources: ReferenceSources = {}): Secret =>
  new Secret(replaceReferences(text, (reference) => lookUp(reference, sources)));
