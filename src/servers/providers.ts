import { DoesNotApply, reasonOf, ServiceError } from './errors';
import type { Report } from './report';

/** One way to have a service. `offer` throws the reason when it does not work here. */
export interface Provider<T> {
  readonly name: string;
  offer(): Promise<T>;
}

export interface Wanted {
  /** `Temporal`, `MongoDB`. */
  readonly service: string;
  readonly remedies: readonly string[];
}

export const doesNotApply = (reason: string): never => {
  throw new DoesNotApply(reason);
};

/** The first provider that works; when none does, an error that names all that were tried and how to get the service. */
export async function firstThatWorks<T>(
  wanted: Wanted,
  providers: readonly Provider<T>[],
  report: Report,
  signal?: AbortSignal,
): Promise<{ readonly provider: string; readonly value: T }> {
  const tried: string[] = [];
  for (const provider of providers) {
    signal?.throwIfAborted();
    try {
      const value = await provider.offer();
      report(`${wanted.service}: ${provider.name}`);
      return { provider: provider.name, value };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof DoesNotApply)) report(`${wanted.service}: not by ${provider.name}: ${reasonOf(error)}`);
      tried.push(`  - ${provider.name}: ${reasonOf(error)}`);
    }
  }
  throw new ServiceError(
    [
      `${wanted.service} cannot be had here. Tried:`,
      ...tried,
      'To get it, do one of these:',
      ...wanted.remedies.map((remedy) => `  - ${remedy}`),
    ].join('\n'),
  );
}
