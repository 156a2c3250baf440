import type { Claim } from './destination';
import { pause, type Gate } from './gate';
import type { LowWater } from './low-water';
import type { Position } from './position';

/** The mark is recorded this often at most: the lanes' own records make re-reading cheap. */
const EVERY_MS = 250;
const EVERY_IDLE_MS = 1000;

export interface RecorderContext {
  readonly claim: Pick<Claim, 'advance'>;
  readonly mark: LowWater;
  /** Opened when the mark may have moved, and by the recorder; closed when it will not move any more. */
  readonly moved: Gate;
  /** Recording does not wait any longer for its turn once this aborts. */
  readonly ending: AbortSignal;
  readonly writing: AbortSignal;
  readonly idle: () => boolean;
  readonly recorded: (position: Position) => void;
  /** How often repairs were asked for, with every move. */
  readonly asked: (times: number) => void;
}

/** Records the low water at the destination whenever it has moved, never too often, and once more at the end. */
export class Recorder {
  readonly #context: RecorderContext;
  #position: Position;

  constructor(context: RecorderContext) {
    this.#context = context;
    this.#position = context.mark.position;
  }

  /** Nothing beyond what the destination has recorded is ever reported. */
  get upToDate(): boolean {
    return this.#position === this.#context.mark.position;
  }

  async run(): Promise<void> {
    const { asked, claim, ending, idle, mark, moved, recorded, writing } = this.#context;
    let last = -Infinity;
    for (;;) {
      const ended = await moved.until(() => !this.upToDate);
      const every = idle() ? EVERY_IDLE_MS : EVERY_MS;
      if (!ended) await pause(ending, Math.max(0, last + every - performance.now()));
      const { position } = mark;
      if (position !== this.#position) {
        const times = await claim.advance(position, writing);
        last = performance.now();
        this.#position = position;
        moved.open();
        recorded(position);
        asked(times);
      }
      if (ended && this.upToDate) return;
    }
  }
}
