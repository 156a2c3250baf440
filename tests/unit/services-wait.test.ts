import { waitFor } from '../../src/servers/wait';

const never = new Promise<undefined>(() => undefined);

it.each([
  ['in the middle of a question', () => never, 50],
  ['between two questions', () => Promise.resolve(undefined), 3_600_000],
])('waiting ends with the reason of the signal %s', async (_when, ask, everyMs) => {
  const stop = new AbortController();
  const waiting = waitFor(ask, { what: 'it', timeoutMs: 3_600_000, everyMs, signal: stop.signal });
  setImmediate(() => stop.abort(new Error('Ctrl-C')));
  await expect(waiting).rejects.toThrow(/Ctrl-C|aborted/u);
});

it('an error counts as not yet, and is shown when time runs out', async () => {
  const waiting = waitFor(() => Promise.reject(new Error('refused')), { what: 'an answer', timeoutMs: 0, everyMs: 1 });
  await expect(waiting).rejects.toThrow('an answer did not happen within 0 s: refused');
});
