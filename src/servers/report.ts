/** Where progress lines go: the terminal, a test's log, nowhere. */
export type Report = (line: string) => void;

export const silent: Report = () => undefined;
