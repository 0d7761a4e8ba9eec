/** Owns the server without its features: Fastify's limits, and every rule that each request meets, in their order. */
import type { Server } from 'node:http';
import cors from '@fastify/cors';
import Fastify, { type FastifyHttpOptions, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Config, KeySetting } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import type { Tracing } from '../tracing.ts';
import { authentication, permissionCheck } from './authentication.ts';
import { bodyParser } from './body-parser.ts';
import { type ConnectionBounds, connections } from './connections.ts';
import type { KeySetTimes } from './key-set.ts';
import { lifecycle } from './lifecycle.ts';
import { routeCheck } from './methods.ts';
import { openapi } from './openapi.ts';
import { problemsUrlOf } from './problem-answer.ts';
import { headerCountMax, problemHandler, problemOptions } from './problem-handler.ts';
import { parseQueryString } from './query-string.ts';
import { rateLimit } from './rate-limit.ts';
import { openReadyAnswers, type ReadyAnswers } from './ready-answers.ts';
import { requestLog } from './request-log.ts';
import { openRequestCounter, problemMetrics } from './request-metrics.ts';
import { requestTraces } from './request-traces.ts';
import { securityHeaders } from './security-headers.ts';
import { clientErrorHandler, socketProblems } from './socket-problems.ts';
import { queryCheck, validatorCompiler } from './validation.ts';

/** Times, in milliseconds, and bounds that a test makes small. */
export type HttpTimes = ConnectionBounds & {
  requestTimeoutMs?: number;
  connectionsCheckMs?: number;
  keySet?: Partial<KeySetTimes>;
};

/** What the HTTP side needs of a platform. */
export type HttpOptions = {
  config: Pick<
    Config,
    | 'corsOrigins'
    | 'jwtAudience'
    | 'jwtIssuer'
    | 'publicUrl'
    | 'rateLimitPerMinute'
    | 'redisUrl'
    | 'trustProxy'
  >;
  keys: KeySetting;
  log: Logger;
  draining: AbortSignal;
  metrics: Metrics;
  tracing: Pick<Tracing, 'requests'>;
  times?: HttpTimes;
};

/** A body may be this long. */
const bodyBytesMax = 65_536;

/** A connection on which nothing moves, in the middle of an answer, is cut; event streams say something more often. */
const idleMsMax = 120_000;

/** URL and headers together, as Node counts them. */
const headerBytesMax = 16_384;

function hopsTrusted(count: number) {
  return (_address: string, hop: number) => hop < count;
}

function fastifyOptions({ config, log, times = {} }: HttpOptions): FastifyHttpOptions<Server> {
  const { requestTimeoutMs = 10_000, connectionsCheckMs = 500 } = times;
  const problemsUrl = problemsUrlOf(config.publicUrl);
  return {
    ...problemOptions(problemsUrl),
    clientErrorHandler: clientErrorHandler(problemsUrl),
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    bodyLimit: bodyBytesMax,
    trustProxy: typeof config.trustProxy === 'number' ? hopsTrusted(config.trustProxy) : config.trustProxy,
    return503OnClosing: false,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: idleMsMax,
    exposeHeadRoutes: true,
    routerOptions: {
      querystringParser: parseQueryString,
      // A parameter as long as any URL: its length is the schema's to judge, not the router's.
      maxParamLength: headerBytesMax,
    },
    http: {
      maxHeaderSize: headerBytesMax,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: connectionsCheckMs,
      requireHostHeader: false,
    },
  };
}

/** Requests try the short way first; a fault in it is logged, and costs nobody but the one request, if that. */
function putShortWayFirst(app: FastifyInstance, { answer }: ReadyAnswers): void {
  // Those of Fastify: nobody else has had the server yet.
  const usual = app.server.listeners('request');
  app.server.removeAllListeners('request');
  app.server.on('request', (request, response) => {
    try {
      if (answer(request, response)) return;
    } catch (error) {
      app.log.error({ err: error }, 'the short way failed');
      if (response.headersSent) return void response.destroy();
    }
    for (const listener of usual) listener.call(app.server, request, response);
  });
}

/**
 * A Fastify app on which routes are registered; `otherMethods` goes on last. The order of the plugins is the
 * order of the checks in the contract: route, token, rate limit, permission, body and query.
 */
export async function buildBareApp(options: HttpOptions): Promise<FastifyInstance> {
  const { config, keys, draining, metrics, tracing, times } = options;
  const problemsUrl = problemsUrlOf(config.publicUrl);
  const app: FastifyInstance = Fastify(fastifyOptions(options));
  app.server.maxHeadersCount = headerCountMax;
  const readyAnswers = openReadyAnswers();
  putShortWayFirst(app, readyAnswers);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  if (tracing.requests !== undefined) await app.register(requestTraces, { tracing: tracing.requests });
  await app.register(connections, times ?? {});
  await app.register(problemMetrics, { metrics });
  await app.register(requestLog, { whenEnded: openRequestCounter(metrics) });
  // Before any route, CORS's own included: a route keeps the error handler that it finds.
  await app.register(problemHandler, { problemsUrl });
  await app.register(socketProblems, { problemsUrl });
  await app.register(securityHeaders);
  if (config.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: [...config.corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
      exposedHeaders: [
        'ETag',
        'Idempotent-Replayed',
        'Location',
        'Retry-After',
        'X-Last-Event-Id',
        'X-Request-Id',
      ],
      maxAge: 600,
      strictPreflight: false,
      // Our own OPTIONS answers, so that an unknown path stays unknown.
      preflightContinue: true,
    });
  }
  await app.register(lifecycle, { draining });
  await app.register(routeCheck);
  await app.register(authentication, {
    keys,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    ...(times?.keySet === undefined ? {} : { keySetTimes: times.keySet }),
  });
  await app.register(rateLimit, { perMinute: config.rateLimitPerMinute, redisUrl: config.redisUrl });
  await app.register(permissionCheck);
  // Traces want every request from its beginning.
  if (tracing.requests === undefined) await app.register(readyAnswers.plugin);
  await app.register(bodyParser);
  await app.register(queryCheck);
  await app.register(openapi, { publicUrl: config.publicUrl });
  return app;
}
