import type { Clock } from '../ports/clock';
import type { Claim } from '../ports/destination';
import type { Condition } from '../async/condition';
import type { LowWater } from './low-water';
import type { Position } from '../model/position';

/** The mark is recorded this often at most: the lanes' own records make re-reading cheap. */
const EVERY_MS = 250;
const EVERY_IDLE_MS = 2_000;

export interface RecorderContext {
  readonly claim: Pick<Claim, 'advance'>;
  readonly mark: LowWater;
  readonly clock: Clock;
  /** Opened when the mark may have moved, and by the recorder; closed when it will not move any more. */
  readonly progressed: Condition;
  /** Recording does not wait any longer for its turn once this aborts. */
  readonly ending: AbortSignal;
  readonly writing: AbortSignal;
  /** The mark moves over nothing that was to be written, and nothing in the leg waits for it. May change with every move. */
  readonly idle: () => boolean;
  /** `sequence`: of the ledger with this move. */
  readonly recorded: (position: Position, sequence: number) => void;
  /** How often repairs were asked for, with every move. */
  readonly asked: (times: number) => void;
}

/** Records the low water at the destination whenever it has moved, never too often, and once more at the end. */
export class Recorder {
  readonly #context: RecorderContext;
  #position: Position;
  #lastMs = -Infinity;

  constructor(context: RecorderContext) {
    this.#context = context;
    this.#position = context.mark.position;
  }

  /** Nothing beyond what the destination has recorded is ever reported. */
  get upToDate(): boolean {
    return this.#position === this.#context.mark.position;
  }

  async run(): Promise<void> {
    const { asked, claim, clock, ending, mark, progressed, recorded, writing } = this.#context;
    ending.addEventListener('abort', () => progressed.notify(), { once: true });
    for (;;) {
      const ended = await progressed.until(() => !this.upToDate);
      if (!ended) await this.#turn();
      const { position } = mark;
      if (position !== this.#position) {
        const { repairs, sequence } = await claim.advance(position, writing);
        this.#lastMs = clock.monotonic();
        this.#position = position;
        progressed.notify();
        // A leg that is where it was to go ends with `recorded`: it must know by then what is still asked for.
        asked(repairs);
        recorded(position, sequence);
      }
      if (ended && this.upToDate) return;
    }
  }

  /** Waits for the next turn: no longer than it had to when the mark moved, and less once something is written or waited for. */
  async #turn(): Promise<void> {
    const { clock, ending, idle, progressed } = this.#context;
    const due = (): number => this.#lastMs + (idle() ? EVERY_IDLE_MS : EVERY_MS);
    for (let at = due(); at > clock.monotonic() && !ending.aborted; at = Math.min(at, due())) {
      const until = at;
      if (await progressed.until(() => ending.aborted || due() < until, at - clock.monotonic())) return;
    }
  }
}
