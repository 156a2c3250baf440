import { setTimeout as delay } from 'node:timers/promises';

/** Asks again until what is expected is so; fails as it last did. */
export async function eventually(expectation: () => Promise<void>, patienceMs = 10_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      await expectation();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await delay(20);
  }
}
