import type { Db } from 'mongodb';

/** Something that keeps a target in step with a source database; measured as a process of its own. */
export interface Contender {
  readonly name: string;
  readonly source: Db;
  readonly target: Db;
  readonly pid: number;
  /** Stops following; what is written from now on is a backlog. */
  hold(): Promise<void>;
  /** Follows again, from where it was. */
  go(): Promise<void>;
  /** Why it has given up; null while it has not. */
  trouble(): Promise<string | null>;
}

export const TRIBUTARY = 'tributary';
export const BARE_LOOP = 'bare driver loop';
export const BARE_COPY = 'bare copy loop';
