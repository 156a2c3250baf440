import { processStats } from './process-stats';

const MB = 1e6;

/** Resident memory of a process over time. Unlike the kernel's peak it can be taken for a part of its life. */
export class MemorySampler implements Disposable {
  readonly points: (readonly [seconds: number, megabytes: number])[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number, everyMs = 250) {
    const started = performance.now();
    const sample = (): void => {
      this.points.push([(performance.now() - started) / 1000, processStats(pid).residentBytes / MB]);
    };
    sample();
    this.#timer = setInterval(() => {
      try {
        sample();
      } catch {
        // The process has ended: there is nothing to sample any more.
        clearInterval(this.#timer);
      }
    }, everyMs);
    this.#timer.unref();
  }

  get peakMB(): number {
    return Math.max(...this.points.map(([, megabytes]) => megabytes));
  }

  /** The mean of the samples between two shares of the time that was watched. */
  meanMB(from: number, to: number): number {
    const part = this.points.slice(Math.floor(from * this.points.length), Math.ceil(to * this.points.length));
    return part.reduce((sum, [, megabytes]) => sum + megabytes, 0) / part.length;
  }

  /** At most `count` points, evenly spread: what a chart needs. */
  thinned(count = 200): (readonly [number, number])[] {
    const step = Math.max(1, Math.ceil(this.points.length / count));
    return this.points.filter((_, index) => index % step === 0 || index === this.points.length - 1);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
