import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { Log } from '../core/ports/connector';
import { currentScope } from './scope';
import { scrubLine } from './scrub';
import { tidy } from './tidy';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Standard output when left out. */
  readonly destination?: DestinationStream;
  /** On every line. */
  readonly base?: Readonly<Record<string, unknown>>;
}

/** What the logger itself writes into every line. */
const OF_THE_LINE = ['level', 'time', 'event'];

/** A field that is named like a part of the line is kept under another name: `level` as `field_level`. */
const fieldsBeside =
  (taken: ReadonlySet<string>) =>
  (fields: object): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(tidy(fields)).map(([name, value]) => [taken.has(name) ? `field_${name}` : name, value]),
    );

function traceIds(): Record<string, string> {
  const context = trace.getActiveSpan()?.spanContext();
  return context !== undefined && isSpanContextValid(context)
    ? { trace_id: context.traceId, span_id: context.spanId }
    : {};
}

async function textStream(destination: DestinationStream): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({
    messageKey: 'event',
    messageFormat: '{event}{if message}: {message}{end}',
    ignore: 'worker,message',
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return { write: (line) => destination.write(pretty(line)) };
}

/** One JSON object a line: `level`, `time`, `event`, the ids of the scope, the fields of the event. */
export async function createLogger({ level, format, destination, base = {} }: LogOptions): Promise<Logger> {
  const lines = destination ?? pino.destination({ fd: 1 });
  const stream = format === 'text' ? await textStream(lines) : lines;
  return pino(
    {
      level,
      base,
      messageKey: 'event',
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: fieldsBeside(new Set([...OF_THE_LINE, ...Object.keys(base)])),
      },
      mixin: () => ({ ...currentScope(), ...traceIds() }),
      // The finished line is searched once more: nothing that reads as a login leaves the process.
      hooks: { streamWrite: scrubLine },
    },
    stream,
  );
}

/**
 * The core's `Log` on top of pino. Bindings are fields like all others: those of a child logger stand in the line as text
 * already, and a name that the scope or the event has too (`stream`) would stand there twice.
 */
export const logTo =
  (logger: Logger, bindings: Readonly<Record<string, unknown>> = {}): Log =>
  (level, event, fields = {}) =>
    logger[level]({ ...bindings, ...fields }, event);
