/** Owns what answers say of caching: Cache-Control, and ETags with their 304. */
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';

/** A hook for the routes of one plugin: what their answers may be kept for. */
export function cacheControl(value: 'private, no-cache' | 'no-store'): onRequestHookHandler {
  return (_request, reply, done) => {
    reply.header('cache-control', value);
    done();
  };
}

/** The media type of answers that are no problem. */
export const jsonType = 'application/json; charset=utf-8';

/** A JSON answer that is ready to be sent, with its strong ETag. */
export type TaggedAnswer = Readonly<{
  body: Buffer | string;
  etag: string;
  headers?: Readonly<Record<string, string>>;
}>;

const sent = new WeakMap<FastifyReply, TaggedAnswer>();

/** The answer that `sendTagged` sent, as it was before a 304 took its body. */
export function sentAnswer(reply: FastifyReply): TaggedAnswer | undefined {
  return sent.get(reply);
}

/** Sends the answer, or 304 without a body when `If-None-Match` names its ETag (RFC 9110, section 13.1.2). */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, answer: TaggedAnswer): FastifyReply {
  sent.set(reply, answer);
  reply.headers({ ...answer.headers, etag: answer.etag });
  const known = request.headers['if-none-match'];
  if (known !== undefined && isNamed(answer.etag, known)) return reply.code(304).send();
  return reply.type(jsonType).send(answer.body);
}

/** Whether `If-None-Match` names this strong ETag. */
export function isNamed(etag: string, known: string): boolean {
  if (known === etag || known.trim() === '*') return true;
  return known.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}
