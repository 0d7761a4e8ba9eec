/** Owns OpenTelemetry's SDK: spans of requests, batches and reads, and their export. Loaded only when traces are wanted. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import {
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { TracingSetting } from './config-tracing.ts';
import { packageVersion } from './package-version.ts';
import { Problem } from './problems.ts';
import type { RequestTracing, Tracing } from './tracing.ts';

/** A stop waits this long for spans to be sent; what is not sent by then is lost. */
const flushMsMax = 2_000;

function samplerOf({ sampler, sampledShare }: TracingSetting): Sampler {
  const root = sampler.endsWith('always_on')
    ? new AlwaysOnSampler()
    : sampler.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(sampledShare);
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

async function exporterOf({ url, protocol }: TracingSetting): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter({ url });
}

/** Says once that spans cannot be sent, and once that they can be again. */
function withWord(exporter: SpanExporter, log: Logger): SpanExporter {
  let isTold = false;
  return {
    export(spans, answer) {
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS;
        if (hasFailed && !isTold) log.warn({ reason: result.error?.message }, 'traces cannot be sent');
        if (!hasFailed && isTold) log.info('traces are sent again');
        isTold = hasFailed;
        answer(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

/** A problem is named by its code: texts may say more than a trace should. */
function failureOf(error: unknown): string {
  if (error instanceof Problem) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}

async function settle<T>(span: Span, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    span.setAttribute('error.type', failureOf(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

/** Opens tracing by the SDK. No global of OpenTelemetry's is set: several platforms live side by side. */
export async function openSdkTracing(setting: TracingSetting, log: Logger): Promise<Tracing> {
  const own = resourceFromAttributes({
    'service.name': setting.serviceName,
    'service.version': packageVersion(),
  });
  const provider = new TracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(setting),
    spanProcessors: [new BatchSpanProcessor({ exporter: withWord(await exporterOf(setting), log) })],
  });
  const tracer = provider.getTracer('holdfast', packageVersion());
  const propagator = new W3CTraceContextPropagator();
  const spans = new AsyncLocalStorage<Span>();
  const below = (span: Span | undefined) =>
    span === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, span);

  const requests: RequestTracing = {
    start({ headers, method, route, path, requestId }) {
      const caller = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
      const attributes = {
        'http.request.method': method,
        'holdfast.request_id': requestId,
        ...(route === undefined ? {} : { 'http.route': route }),
        ...(path === undefined ? {} : { 'url.path': path }),
      };
      const name = route === undefined ? method : `${method} ${route}`;
      return tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, caller);
    },
    within: (span, work) => spans.run(span, work),
    end(span, status) {
      if (status === undefined) span.setAttribute('error.type', 'client-gone');
      else span.setAttribute('http.response.status_code', status);
      if (status !== undefined && status >= 500) {
        span.setAttribute('error.type', String(status));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };

  return {
    requests,
    current: () => spans.getStore(),
    batch({ command, size, spans: ofRequests }, run) {
      const span = tracer.startSpan(`batch ${command}`, {
        root: true,
        kind: SpanKind.CLIENT,
        links: ofRequests.map((request) => ({ context: request.spanContext() })),
        attributes: {
          'db.system.name': 'postgresql',
          'db.operation.name': command,
          'db.operation.batch.size': size,
        },
      });
      for (const request of ofRequests) request.addLink({ context: span.spanContext() });
      return settle(span, spans.run(span, run));
    },
    read(text, run) {
      const attributes = { 'db.system.name': 'postgresql', 'db.query.text': text() };
      const span = tracer.startSpan('read', { kind: SpanKind.CLIENT, attributes }, below(spans.getStore()));
      return settle(span, run());
    },
    async close() {
      const flushed = provider.shutdown().catch((error: unknown) => {
        log.warn({ reason: failureOf(error) }, 'the last traces were not sent');
      });
      await Promise.race([flushed, delay(flushMsMax, undefined, { ref: false })]);
    },
  };
}
