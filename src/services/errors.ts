/** A service that could not be had, or that was asked for what it cannot do. The message says what to do next. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
