/** What is open, closed in reverse order; every one is closed whatever the others do. */
export class Closing implements AsyncDisposable {
  readonly #open: (() => unknown)[] = [];

  defer(close: () => unknown): void {
    this.#open.push(close);
  }

  use<T extends AsyncDisposable>(resource: T): T {
    this.defer(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#open.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
