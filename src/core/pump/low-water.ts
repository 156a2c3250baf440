import type { Position } from '../model/position';

/** One batch on its way to the destination; counts the lane items that are not durable yet. */
export class Batch {
  #outstanding = 0;
  #end: { readonly position: Position; readonly sourceTimeMs: number | null } | null = null;

  add(): void {
    this.#outstanding += 1;
  }

  /** One lane item of this batch is durable. */
  acknowledge(): void {
    this.#outstanding -= 1;
  }

  /** The boundary was read: the batch ends here. Rows of a copy have no source time. */
  close(position: Position, sourceTimeMs: number | null): void {
    this.#end = { position, sourceTimeMs };
  }

  get end(): { readonly position: Position; readonly sourceTimeMs: number | null } | null {
    return this.#end;
  }

  get durable(): boolean {
    return this.#outstanding === 0 && this.#end !== null;
  }
}

/**
 * The contiguous low-water mark over all lanes: a boundary counts only when everything before it, in every lane, is
 * durable. Idle positions stand in the same line, so that they never overtake an unconfirmed commit.
 */
export class LowWater {
  #position: Position;
  #sourceTimeMs: number | null = null;
  #line: Batch[] = [];
  #head = 0;

  constructor(start: Position) {
    this.#position = start;
  }

  get position(): Position {
    return this.#position;
  }

  /** Source time of the newest change or silence below the mark. */
  get sourceTimeMs(): number | null {
    return this.#sourceTimeMs;
  }

  /** Nothing is on its way: every lane is level at the mark. */
  get level(): boolean {
    return this.#head === this.#line.length;
  }

  begin(): Batch {
    const batch = new Batch();
    this.#line.push(batch);
    return batch;
  }

  idle(position: Position, sourceTimeMs: number): void {
    this.begin().close(position, sourceTimeMs);
    this.advance();
  }

  /** Moves the mark over all that is durable; true when it moved. */
  advance(): boolean {
    const before = this.#head;
    for (let batch = this.#line[this.#head]; batch?.durable; batch = this.#line[this.#head]) {
      if (batch.end) {
        this.#position = batch.end.position;
        this.#sourceTimeMs = batch.end.sourceTimeMs;
      }
      this.#head += 1;
    }
    const progressed = this.#head > before;
    if (this.#head > 1024 || this.level) {
      this.#line = this.#line.slice(this.#head);
      this.#head = 0;
    }
    return progressed;
  }
}
