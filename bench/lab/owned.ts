/** Ends what was started, the last one first, whatever fails on the way. */
export class Owned implements AsyncDisposable {
  readonly #ends: (() => PromiseLike<unknown>)[] = [];

  async own<T extends AsyncDisposable>(starting: PromiseLike<T>): Promise<T> {
    const started = await starting;
    this.atEnd(() => started[Symbol.asyncDispose]());
    return started;
  }

  atEnd(end: () => PromiseLike<unknown>): void {
    this.#ends.push(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      await Promise.resolve(end()).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
