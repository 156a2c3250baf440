import { createHash } from 'node:crypto';
import type { Key } from '../../model/change';
import type { Namespace } from '../../model/namespace';
import type { Kept } from '../../ports/destination';

/** Names may be long and hold anything, keys of records may not; keys of rows are data. 128 bits of a hash stand for them. */
export const digest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 32);

/** As many digits as a safe integer has: byte order is the order of the numbers. */
const padded = (number: number): string => String(number).padStart(16, '0');

/**
 * Keys of the records of one stream. A stream's id holds no `:`, so no key of one stream begins like one of another. `slot:` is
 * what a claim fences, `own:` what it reads; the others are read by those who need them.
 */
export class Keys {
  /** Begins every key of the stream. */
  readonly prefix: string;
  readonly root: string;
  readonly slots: string;
  readonly own: string;
  readonly deadLetters: string;
  readonly requests: string;
  readonly verification: string;

  constructor(stream: string) {
    this.prefix = `stream:${stream}:`;
    this.root = `${this.prefix}root`;
    this.slots = `${this.prefix}slot:`;
    this.own = `${this.prefix}own:`;
    this.deadLetters = `${this.prefix}dead-letter:`;
    this.requests = `${this.prefix}request:`;
    this.verification = `${this.prefix}verify:`;
  }

  /** Lanes of another generation are other slots: what is still open on an old one cannot move a new one. */
  lane(generation: number, lane: number): string {
    return `${this.lanes}${padded(generation)}:${lane}`;
  }

  get lanes(): string {
    return `${this.slots}lane:`;
  }

  loader(loader: number): string {
    return `${this.slots}loader:${loader}`;
  }

  namespace(name: Namespace): string {
    return `${this.own}namespace:${digest(name)}`;
  }

  /** A derived namespace, such as a view. */
  derived(name: Namespace): string {
    return `${this.own}derived:${digest(name)}`;
  }

  /** Names the generation of the ranges of a namespace. */
  copy(name: Namespace): string {
    return `${this.own}copy:${digest(name)}`;
  }

  plan(generation: number, name: Namespace): string {
    return `${this.own}plan:${padded(generation)}:${digest(name)}`;
  }

  range(generation: number, number: number): string {
    return `${this.own}range:${padded(generation)}:${padded(number)}`;
  }

  position(json: string): string {
    return `${this.positions}${digest(json)}`;
  }

  get positions(): string {
    return `${this.own}position:`;
  }

  deadLetter(id: string): string {
    return `${this.deadLetters}${id}`;
  }

  /** `nonce`: of this asking. Who asks again while a request is worked on adds another one. */
  request(kind: string, about: string, nonce: string): string {
    return `${this.requests}${kind}:${digest(about)}:${digest(nonce)}`;
  }

  /** Under which word a record is counted: whatever is no namespace, range, request, dead letter or verification is the ledger's own. */
  kindOf(key: string): keyof Kept['records'] {
    const kinds = [
      [this.deadLetters, 'deadLetters'],
      [this.requests, 'repairs'],
      [this.verification, 'verification'],
      [`${this.own}range:`, 'ranges'],
      [`${this.own}namespace:`, 'namespaces'],
      [`${this.own}derived:`, 'derived'],
    ] as const;
    return kinds.find(([prefix]) => key.startsWith(prefix))?.[1] ?? 'ledger';
  }

  run(run: string): string {
    return `${this.verification}${digest(run)}:`;
  }
}

/** Who owns a target: one record for all streams of a store. */
export const OWNERS = 'owner:';
export const ownerKey = (target: Namespace): string => `${OWNERS}${digest(target)}`;

/** The same row has the same text, whatever stands for its key. */
export const rowText = (namespace: Namespace, { id }: Key): string =>
  `${namespace}\n${Buffer.from(id, 'latin1').toString('hex')}`;
