/** Owns the short way: a GET whose answer lies ready in memory is answered before Fastify makes anything of it. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { LRUCache } from 'lru-cache';
import type { Caller } from './caller.ts';
import { isNamed, jsonType, sentAnswer, type TaggedAnswer } from './conditional.ts';
import { headerCountMax } from './problem-handler.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * What the route would send to this query of this caller, where that lies ready; undefined where it does not, and
     * the request goes its usual way. It answers at once, never throws, and does nothing else that a client could see.
     */
    ready?(query: object, caller: Caller): TaggedAnswer | undefined;
  }
}

/** URLs that are remembered: lists are asked for in the same few words again and again. */
const urlsMax = 1_000;
/** A longer one is not: all of them together stay small. */
const rememberedUrlLength = 512;

const authorization = 'authorization';

/** A URL that a route has answered, and how. */
type Known = Readonly<{
  routeOptions: FastifyRequest['routeOptions'];
  query: object;
  /** Headers that each of its answers has, names and values in turn. */
  headers: readonly string[];
}>;

/**
 * Whether a request says more than a short way can see to: that it has a body, where it comes from, who asks in two
 * voices, or too much.
 */
function saysMore({ headers, rawHeaders }: IncomingMessage): boolean {
  if (headers.origin !== undefined || headers['content-length'] !== undefined) return true;
  if (headers['transfer-encoding'] !== undefined || rawHeaders.length >= 2 * headerCountMax) return true;
  let voices = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    // To look at the length first is cheaper by much than to make each name small.
    if (name?.length === authorization.length && name.toLowerCase() === authorization) voices += 1;
  }
  return voices > 1;
}

/** Sends the answer as `sendTagged` does, beside the headers that are in `lines`. */
function send(
  response: ServerResponse,
  { body, etag, headers }: TaggedAnswer,
  known: string | undefined,
  lines: string[],
): void {
  lines.push('etag', etag);
  for (const name in headers) lines.push(name, headers[name] ?? '');
  if (known !== undefined && isNamed(etag, known)) {
    response.writeHead(304, lines).end();
    return;
  }
  lines.push('content-type', jsonType, 'content-length', String(Buffer.byteLength(body)));
  response.writeHead(200, lines).end(body);
}

/** Headers of the reply that the answer does not bring along itself. */
function lastingHeaders(reply: FastifyReply, answer: TaggedAnswer): string[] {
  const own = new Set([
    'etag',
    'content-type',
    'content-length',
    'x-request-id',
    ...Object.keys(answer.headers ?? {}),
  ]);
  return Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
    own.has(name) ? [] : [name, String(value)],
  );
}

/** The short way of one server. */
export type ReadyAnswers = ReturnType<typeof openReadyAnswers>;

/** Opens the short way of one server. Without the plugin no answer is ready. */
export function openReadyAnswers() {
  let shortWay: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;

  /**
   * Remembers what routes with `ready` have answered. A request goes the short way when the same URL went through
   * everything before: then its route, its query and its lasting headers are known, and what may be otherwise this time
   * is looked at again: the caller, the permission, the rate limit, whether the server is on its way down.
   */
  const plugin = fp(
    async (app) => {
      const urls = new LRUCache<string, Known>({ max: urlsMax });

      function remember(request: FastifyRequest, reply: FastifyReply): void {
        const { raw, url, routeOptions, query, caller } = request;
        const isWhole = request.method === 'GET' && (reply.statusCode === 200 || reply.statusCode === 304);
        if (!isWhole || url.length > rememberedUrlLength || caller === undefined || urls.has(url)) return;
        if (app.isGoingDown() || saysMore(raw) || typeof query !== 'object' || query === null) return;
        const answer = sentAnswer(reply);
        if (answer === undefined) return;
        urls.set(url, { routeOptions, query, headers: lastingHeaders(reply, answer) });
      }

      app.addHook('onRoute', (route) => {
        if (route.config?.ready === undefined) return;
        route.onSend = [
          ...[route.onSend ?? []].flat(),
          (request, reply, payload, done) => {
            remember(request, reply);
            done(null, payload);
          },
        ];
      });

      shortWay = (request, response) => {
        const startedAtMs = performance.now();
        const { method, url = '', headers } = request;
        const known = method === 'GET' && !app.isGoingDown() ? urls.get(url) : undefined;
        if (known === undefined || saysMore(request)) return false;
        const caller = app.rememberedCaller(headers.authorization ?? '');
        if (caller === undefined) return false;
        const { url: route, config } = known.routeOptions;
        if (!config.anyOf?.some((permission) => caller.permissions.has(permission))) return false;
        const answer = app.countsAtOnce(caller) ? config.ready?.(known.query, caller) : undefined;
        if (answer === undefined || !app.countAtOnce(caller)) return false;
        const id = randomUUID();
        send(response, answer, headers['if-none-match'], [...known.headers, 'x-request-id', id]);
        const end = () =>
          app.requestEnded({
            id,
            method: 'GET',
            url,
            route,
            config,
            status: response.statusCode,
            isCut: false,
            ms: performance.now() - startedAtMs,
            sub: caller.sub,
          });
        if (response.writableFinished) end();
        else response.once('close', end);
        return true;
      };
    },
    { name: 'ready-answers', dependencies: ['authentication', 'lifecycle', 'rate-limit', 'request-log'] },
  );

  return {
    plugin,
    /** Answers the request when its answer lies ready; false: nothing was done with it. */
    answer: (request: IncomingMessage, response: ServerResponse): boolean =>
      shortWay?.(request, response) ?? false,
  };
}
