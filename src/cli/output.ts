import { stringify } from 'yaml';
import { scrub } from '../telemetry/scrub';
import type { Io } from './io';
import { orderedJson } from './ordered-json';

export type Format = 'table' | 'json' | 'yaml';

/** Prints one result: as data for programs, or as `table` draws it for people. */
export function emit<T>(io: Io, format: Format, data: T, table: (data: T) => string): void {
  io.out.write(`${render(format, data, table).trimEnd()}\n`);
}

function render<T>(format: Format, data: T, table: (data: T) => string): string {
  switch (format) {
    case 'table':
      return table(data);
    case 'json':
      return orderedJson(data, '  ');
    case 'yaml':
      return stringify(data, { aliasDuplicateObjects: false });
  }
}

/** A remark beside the result: never on standard output, which may be read by a program. */
export const remark = (io: Io, text: string): void => {
  io.err.write(`${scrub(text)}\n`);
};
