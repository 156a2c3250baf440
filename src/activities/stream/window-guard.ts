import type { Log } from '../../core/ports/connector';
import type { Meter } from '../../core/pump/progress';

export interface WindowGuardOptions {
  readonly warnBelowMs: number;
  readonly meter: Pick<Meter, 'window'>;
  readonly log: Log;
}

/** Says it before history is lost: once when the window gets short, and once when it is long enough again. */
export class WindowGuard {
  readonly #options: WindowGuardOptions;
  #short = false;

  constructor(options: WindowGuardOptions) {
    this.#options = options;
  }

  /** Passes on the progress that it reads. */
  see<P extends { readonly windowSeconds: number | null; readonly windowAtLeast?: boolean }>(progress: P): P {
    const { windowSeconds: seconds, windowAtLeast: atLeast = false } = progress;
    const { warnBelowMs, meter, log } = this.#options;
    if (seconds === null) return progress;
    meter.window(seconds, atLeast);
    // A log that has forgotten nothing is young, not short.
    const short = !atLeast && seconds * 1000 < warnBelowMs;
    if (short !== this.#short) {
      log(short ? 'warn' : 'info', short ? 'window.short' : 'window.short.over', {
        windowSeconds: seconds,
        warnBelowSeconds: warnBelowMs / 1000,
        ...(short && { remedy: "keep more of the source's log, or find out what holds the stream up" }),
      });
    }
    this.#short = short;
    return progress;
  }
}
