/** Owns what is traced, and that nothing of OpenTelemetry's SDK is loaded until somebody asks for traces. */
import type { Span } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { TracingSetting } from './config-tracing.ts';

/** A batch of requests that goes to the database as one; `spans` are those of its HTTP requests. */
export type BatchTrace = Readonly<{ command: string; size: number; spans: readonly Span[] }>;

/** What an HTTP request says of itself: no header but `traceparent` and `tracestate` is looked at. */
export type RequestTrace = Readonly<{
  headers: Readonly<Record<string, string | string[] | undefined>>;
  method: string;
  /** The pattern of the route; undefined where there is none. */
  route: string | undefined;
  /** Without the query and whatever is no id; undefined where there is no route. */
  path: string | undefined;
  requestId: string;
}>;

/** The traces of HTTP requests. */
export type RequestTracing = Readonly<{
  /** Begins the span of a request, below the caller's if `traceparent` names one. */
  start(request: RequestTrace): Span;
  /** Runs `work`, and whatever it goes on with, as a part of the request. */
  within(span: Span, work: () => void): void;
  /** Ends the span; `status` is undefined when the client was gone before its answer. */
  end(span: Span, status: number | undefined): void;
}>;

/** The traces of one platform. */
export type Tracing = Readonly<{
  /** Undefined when nothing is traced. */
  requests: RequestTracing | undefined;
  /** The span of the HTTP request that the caller works for, if there is one. */
  current(): Span | undefined;
  /** Runs a batch within a span of its own, which is linked with the requests in it, both ways. */
  batch<T>(batch: BatchTrace, run: () => Promise<T>): Promise<T>;
  /** Runs a statement that reads, within a span that shows its text; values are never shown. */
  read<T>(text: () => string, run: () => Promise<T>): Promise<T>;
  /** Sends what is not sent yet. Takes 2 s at the longest, and never throws. */
  close(): Promise<void>;
}>;

/** Tracing that is off: it does nothing but run what it is given. */
export const noTracing: Tracing = Object.freeze({
  requests: undefined,
  current: () => undefined,
  batch: <T>(_batch: BatchTrace, run: () => Promise<T>) => run(),
  read: <T>(_text: () => string, run: () => Promise<T>) => run(),
  close: async () => undefined,
});

/** Opens tracing as it is set; without a setting nothing is loaded and nothing is traced. */
export async function openTracing(setting: TracingSetting | undefined, log: Logger): Promise<Tracing> {
  if (setting === undefined) return noTracing;
  const { openSdkTracing } = await import('./tracing-sdk.ts');
  return openSdkTracing(setting, log);
}
