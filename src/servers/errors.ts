/** A service that could not be had, or that was asked for what it cannot do. The message says what to do next. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

/** A way to have a service that this machine does not offer; not worth a line while another way works. */
export class DoesNotApply extends ServiceError {}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
