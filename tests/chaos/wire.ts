/** Messages of the MongoDB wire protocol, cut out of a stream of bytes by their length. */
export interface Message {
  readonly bytes: Buffer;
  readonly requestId: number;
  readonly responseTo: number;
}

const HEADER = 16;

export class Framer {
  #chunks: Buffer[] = [];
  #length = 0;

  /** What is complete by now. */
  push(chunk: Buffer): Message[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const messages: Message[] = [];
    for (;;) {
      if (this.#length < HEADER) return messages;
      let whole = this.#whole(4);
      const size = whole.readInt32LE(0);
      if (this.#length < size) return messages;
      whole = this.#whole(size);
      const bytes = whole.subarray(0, size);
      messages.push({ bytes, requestId: bytes.readInt32LE(4), responseTo: bytes.readInt32LE(8) });
      this.#chunks = whole.length > size ? [whole.subarray(size), ...this.#chunks.slice(1)] : this.#chunks.slice(1);
      this.#length -= size;
    }
  }

  /** The first chunk, made at least this long. */
  #whole(length: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= length) return first;
    const whole = Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole;
  }
}

const OP_MSG = 2013;
const BODY = 21;

/** Name of the command in a request: the first name of the body; empty where it is no such message. */
export function commandOf({ bytes }: Message): string {
  if (bytes.length < BODY + 6 || bytes.readInt32LE(12) !== OP_MSG || bytes[20] !== 0) return '';
  // The body's own length, then the type of its first field, then the name.
  const start = BODY + 5;
  return bytes.toString('latin1', start, bytes.indexOf(0, start));
}

const LOOK = 16 * 1024;

/** The code of an error or of a write concern error in a reply; null where there is none. */
export function errorCodeOf({ bytes }: Message): number | null {
  if (bytes.length > LOOK) return null;
  // Type int32, the name, the value: cheap, and exact enough for replies without rows.
  const at = bytes.indexOf(CODE);
  return at < 0 ? null : bytes.readInt32LE(at + CODE.length);
}

const CODE = Buffer.from('\x10code\0', 'latin1');

const SECTIONS = 20;

/** Documents in the sequences of a message: its statements. Writes of the ledger have none, and are as quick as ever. */
export function statementsOf({ bytes }: Message): number {
  let count = 0;
  for (let at = SECTIONS; at < bytes.length;) {
    const kind = bytes[at];
    const size = bytes.readInt32LE(at + 1);
    const end = at + 1 + size;
    if (kind === 1) {
      let document = bytes.indexOf(0, at + 5) + 1;
      for (; document < end; document += bytes.readInt32LE(document)) count += 1;
    }
    at = end;
  }
  return count;
}
