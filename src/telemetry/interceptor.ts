import { SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import type { ActivityExecuteInput, ActivityInterceptorsFactory } from '@temporalio/worker';
import type { StreamSpec } from '../config/schema';
import type { Log } from '../core/ports/connector';
import { failureOf, summaryOf, type LegOutcome, type Level } from './leg-outcome';
import { inScope, type Scope } from './scope';
import type { StreamMetrics } from './stream-metrics';
import { streamOf } from './stream-of';

/** What a worker does for a stream while one of these runs; the others are short control work. */
const STATUS: Readonly<Record<string, string>> = {
  prepare: 'preparing',
  copy: 'copying',
  pump: 'replicating',
  finalize: 'finalizing',
};

interface LegLike {
  readonly spec?: StreamSpec;
  readonly epoch?: number;
}

const legOf = ([first]: ActivityExecuteInput['args']): LegLike =>
  typeof first === 'object' && first !== null ? first : {};

/** Gives every activity its span, its ids for the log, and its place in the metrics. */
export function telemetryInterceptor(streams: StreamMetrics, log: Log): ActivityInterceptorsFactory {
  const tracer = trace.getTracer('tributary');
  return ({ info }) => ({
    inbound: {
      execute: (input, next) => {
        const workflow = info.workflowExecution?.workflowId ?? '';
        const { spec, epoch } = legOf(input.args);
        const stream = streamOf(workflow) ?? spec?.stream.id ?? workflow;
        const scope: Scope = {
          stream,
          workflow,
          run: info.workflowExecution?.runId ?? '',
          activity: info.activityType,
          ...(epoch === undefined ? {} : { epoch }),
        };
        const run = async (span: Span): Promise<unknown> => {
          const status = STATUS[info.activityType];
          using leg =
            status === undefined || spec === undefined
              ? undefined
              : streams.leg(
                  { stream, source: spec.stream.source.type, destination: spec.stream.destination.type },
                  status,
                );
          const began = Date.now();
          if (leg !== undefined) log('debug', 'leg.started');
          const ended = (level: Level, outcome: LegOutcome, fields: object): void => {
            if (leg === undefined) return;
            leg.ended(info.activityType, outcome);
            log(level, 'leg.ended', { outcome, durationMs: Date.now() - began, ...fields });
          };
          try {
            const result = await next(input);
            ended('info', 'done', summaryOf(result));
            return result;
          } catch (error) {
            const { kind, code, outcome, level } = failureOf(error);
            if (kind === 'poison') leg?.changeFailed(code);
            if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR, message: code });
            ended(level, outcome, { code });
            throw error;
          } finally {
            span.end();
          }
        };
        const attributes = {
          'tributary.stream': stream,
          'temporal.workflow_id': workflow,
          'temporal.run_id': scope.run ?? '',
          ...(epoch === undefined ? {} : { 'tributary.epoch': epoch }),
        };
        return inScope(scope, () => tracer.startActiveSpan(`activity ${info.activityType}`, { attributes }, run));
      },
    },
  });
}
