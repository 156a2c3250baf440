import { inspect } from 'node:util';

/** A resolved secret. It refuses to print: only `reveal()` gives the value. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return '***';
  }
}

/** What the name of a secret holds, in any spelling: `sasl.password`, `apiKey`, `SharedAccessKey`. For regular expressions. */
export const SECRET_WORDS =
  'passw(?:or)?d|passphrase|pwd|secret|token|credential|(?:api|access|account|private|signing)[_.-]?key|' +
  'shared[_.-]?access[_.-]?signature|authorization|jaas';

const SECRET_NAME = new RegExp(SECRET_WORDS, 'iu');
/** `SharedAccessKeyName`, `password_file`: they say where a secret is, or what it is called. */
const ABOUT_A_SECRET = /(?:[_.-]?(?:file|path|name|type|mechanism|location|url)|key[_.-]?id)$/iu;

/** Whether a setting, an option or a field of a log line with this name is a secret. */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name) && !ABOUT_A_SECRET.test(name);
