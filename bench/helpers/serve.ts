import type { Answer, Call } from '../lab/helper';

/** Answers calls of the benchmark, several at a time; ends when the benchmark does. */
export function serve(verbs: Readonly<Record<string, (argument: never) => Promise<unknown>>>): void {
  process.on('message', ({ id, verb, argument }: Call) => {
    const answer = (rest: Omit<Answer, 'id'>): void => void process.send?.({ id, ...rest });
    void (async () => {
      const handler = verbs[verb];
      if (handler === undefined) throw new Error(`no such verb: ${verb}`);
      return handler(argument as never);
    })().then(
      (value) => answer({ value }),
      (error: unknown) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.send?.('ready');
}
