/** What is wrong with a value, and what to write instead. */
export interface Fault {
  readonly message: string;
  readonly remedy: string;
}

/** A message of the schema that brings its remedy, in the one text that zod has room for. */
export const advice = ({ message, remedy }: Fault): string => `${message}\n${remedy}`;

export function readAdvice(text: string): Fault {
  const end = text.indexOf('\n');
  return end < 0
    ? { message: text, remedy: 'docs/configuration.md describes what is expected here' }
    : { message: text.slice(0, end), remedy: text.slice(end + 1) };
}
