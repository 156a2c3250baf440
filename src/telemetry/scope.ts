import { AsyncLocalStorage } from 'node:async_hooks';

/** What every line that is written inside an activity carries. */
export interface Scope {
  readonly stream?: string;
  readonly workflow?: string;
  readonly run?: string;
  readonly activity?: string;
  readonly epoch?: number;
}

const scopes = new AsyncLocalStorage<Scope>();

export const currentScope = (): Scope | undefined => scopes.getStore();

export const inScope = <T>(scope: Scope, run: () => T): T => scopes.run(scope, run);
