export const EXIT = { done: 0, failed: 1, usage: 2 } as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** An error for the person at the terminal: one line, and what to do about it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly remedy: string;
  readonly status: ExitStatus;

  constructor(message: string, remedy = '', options: { readonly status?: ExitStatus; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.remedy = remedy;
    this.status = options.status ?? EXIT.failed;
  }
}

export const usageError = (message: string, remedy = ''): CliError =>
  new CliError(message, remedy, { status: EXIT.usage });
