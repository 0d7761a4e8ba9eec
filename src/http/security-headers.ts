/** Owns the security headers of every answer: helmet's, made once and not anew for each request. */
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import type { FastifyInstance, FastifyReply } from 'fastify';
import fp from 'fastify-plugin';

/** An API answers no page; the pages that there are set a policy of their own. */
const policy = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
  },
} satisfies FastifyHelmetOptions;

/** What JSON does not need: headers that tell a browser how to treat a page. */
const withoutPages = {
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
} satisfies FastifyHelmetOptions;

/** What helmet would set on this answer, which nobody has set a header of yet. */
async function headersFor(reply: FastifyReply): Promise<Record<string, string>> {
  await reply.helmet({ ...policy, ...withoutPages });
  return Object.fromEntries(
    Object.entries(reply.raw.getHeaders()).map(([name, value]) => [name, String(value)]),
  );
}

/** Puts them on every answer. Routes with a `helmet` option of their own are left to it. */
export const securityHeaders = fp(
  async (app: FastifyInstance) => {
    await app.register(helmet, { ...policy, global: false });
    let usual: Record<string, string> | undefined;
    app.addHook('onRequest', (request, reply, done) => {
      if ('helmet' in request.routeOptions.config) return done();
      if (usual !== undefined) {
        reply.headers(usual);
        return done();
      }
      headersFor(reply).then((headers) => {
        usual = headers;
        done();
      }, done);
    });
  },
  { name: 'security-headers' },
);
