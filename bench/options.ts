import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { MongoOptions } from '../src/servers/mongodb/options';
import { onPath } from '../src/servers/path';

/** The command line, parsed. */
export interface Options {
  readonly scale: number;
  readonly repetitions: number;
  readonly variant: Variant;
  /** All suites on the same servers and worker: quicker, and figures influence each other. */
  readonly shared: boolean;
  /** Where the last result of each suite is kept; nowhere when `undefined`. */
  readonly results: string | undefined;
  readonly write: boolean;
  readonly profile: string | undefined;
}

export type Variant = NonNullable<MongoOptions['variant']>;

/** What a figure depends on, besides the code: no dates and no names. */
export interface Conditions {
  readonly version: string;
  readonly node: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly server: string;
  readonly scale: number;
  readonly repetitions: number;
}

export const ROOT = join(__dirname, '..');
export const BENCH_HOME = join(ROOT, '.tributary', 'bench');

export const SMOKE = { scale: 0.002, repetitions: 1, shared: true, write: false } as const;

/** Below this scale. */
const GLIMPSE = 0.01;

/** The compiled server where it is there already, the default one otherwise. */
export async function variantAtHand(): Promise<Variant> {
  const there = process.env['TRIBUTARY_SECANTUSD_RS'] !== undefined || (await onPath('secantusd-rs')) !== undefined;
  return there ? 'fast' : 'default';
}

export function conditionsOf({ scale, repetitions }: Options, server: string): Conditions {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return {
    version,
    node: process.version,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    server,
    scale,
    repetitions,
  };
}

/** How large a suite runs: everything but the number of repetitions follows `--scale`. */
export class Sizes {
  readonly #scale: number;
  readonly repetitions: number;

  /** The numbers of the rounds; 0 is the warm-up, which a glimpse does without. */
  readonly rounds: readonly number[];

  constructor({ scale, repetitions }: Pick<Options, 'scale' | 'repetitions'>) {
    this.#scale = scale;
    this.repetitions = repetitions;
    const all = Array.from({ length: repetitions + 1 }, (_, number) => number);
    this.rounds = scale < GLIMPSE ? all.slice(1) : all;
  }

  /** `full` things at scale 1, never fewer than `least`. */
  count(full: number, least: number): number {
    return Math.max(least, Math.round(full * this.#scale));
  }

  /** Of a list of settings: all of them, or the first and the last one where only a glimpse is wanted. */
  some<T>(settings: readonly T[]): readonly T[] {
    return this.#scale < GLIMPSE ? settings.filter((_, i) => i === 0 || i === settings.length - 1) : settings;
  }

  seconds(full: number, least: number): number {
    return Math.max(least, Math.min(full, full * this.#scale));
  }
}
