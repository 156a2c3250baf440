/** What rounds have exercised. */
export class Stats {
  readonly counts = new Map<string, number>();

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  called(name: string): void {
    this.count(`call ${name}`);
  }

  fault(kind: string, call: string): void {
    this.count(`fault ${kind}`);
    this.count(`met ${call}`);
  }

  /** Each pair of what a round was made of. */
  pairs(traits: Readonly<Record<string, string | number | boolean>>): void {
    const all = Object.entries(traits).map(([name, value]) => `${name}=${value}`);
    for (const [index, one] of all.entries())
      for (const other of all.slice(index + 1)) this.count(`pair ${one} ${other}`);
  }

  add(other: Stats): void {
    for (const [what, times] of other.counts) this.count(what, times);
  }

  /** Those whose names begin so, by name. */
  beginning(with_: string): [string, number][] {
    return [...this.counts].filter(([name]) => name.startsWith(with_)).sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
