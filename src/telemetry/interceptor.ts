import { SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityExecuteInput, ActivityInterceptorsFactory } from '@temporalio/worker';
import type { StreamSpec } from '../config/schema';
import { streamOf } from './stream-of';
import type { LegOutcome, StreamMetrics } from './stream-metrics';
import { inScope, type Scope } from './scope';

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

const failureOf = (error: unknown): { readonly kind?: string; readonly code: string } => {
  if (!(error instanceof ApplicationFailure)) return { code: error instanceof Error ? error.name : 'unknown' };
  const [info] = error.details ?? [];
  const kind = (info as { kind?: unknown } | undefined)?.kind;
  return { code: error.type ?? error.name, ...(typeof kind === 'string' ? { kind } : {}) };
};

/** Gives every activity its span, its ids for the log, and its place in the metrics. */
export function telemetryInterceptor(streams: StreamMetrics): ActivityInterceptorsFactory {
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
          let outcome: LegOutcome = 'done';
          try {
            return await next(input);
          } catch (error) {
            const { kind, code } = failureOf(error);
            if (!(error instanceof CancelledFailure)) {
              outcome = kind === 'fenced' ? 'fenced' : code === 'interrupted' ? 'interrupted' : 'failed';
              if (kind === 'poison') leg?.changeFailed(code);
              if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR, message: code });
            }
            throw error;
          } finally {
            leg?.ended(info.activityType, outcome);
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
