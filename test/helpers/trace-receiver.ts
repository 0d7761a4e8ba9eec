/** Owns a receiver of traces: OTLP over HTTP on a free port, the spans of its JSON form to be looked at. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import { z } from 'zod';

const valueSchema = z.looseObject({
  stringValue: z.string().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
});
/** Attributes by their names. */
const attributesSchema = z
  .array(z.object({ key: z.string(), value: valueSchema }))
  .transform((attributes) =>
    Object.fromEntries(
      attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value]),
    ),
  );
const linkSchema = z.looseObject({ traceId: z.string(), spanId: z.string() });
const spanSchema = z.looseObject({
  name: z.string(),
  kind: z.number(),
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  attributes: attributesSchema,
  events: z.array(z.unknown()),
  links: z.array(linkSchema),
  status: z.looseObject({ code: z.number() }),
});
const exportSchema = z.object({
  resourceSpans: z.array(
    z.looseObject({
      resource: z.looseObject({ attributes: attributesSchema }),
      scopeSpans: z.array(z.looseObject({ spans: z.array(spanSchema) })),
    }),
  ),
});

/** A span as it was received, with the attributes of what sent it. */
export type ReceivedSpan = z.infer<typeof spanSchema> & { resource: z.infer<typeof attributesSchema> };

/** A receiver that listens. */
export type TraceReceiver = Readonly<{
  /** What OTEL_EXPORTER_OTLP_ENDPOINT is to be. */
  url: string;
  /** The spans so far, in the order of their coming. */
  spans: readonly ReceivedSpan[];
  /** Every request so far, as it came. */
  posts: readonly { path: string | undefined; contentType: string | undefined; body: Buffer }[];
}>;

/** Starts a receiver, gone when the test ends. One that `isSilent` takes requests and never answers. */
export async function startTraceReceiver({ isSilent = false } = {}): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = [];
  const posts: { path: string | undefined; contentType: string | undefined; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    posts.push({ path: request.url, contentType: request.headers['content-type'], body });
    if (isSilent) return;
    if (request.headers['content-type'] === 'application/json') {
      for (const { resource, scopeSpans } of exportSchema.parse(JSON.parse(body.toString())).resourceSpans) {
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          spans.push({ ...span, resource: resource.attributes });
        }
      }
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('an HTTP server has a port');
  return { url: `http://127.0.0.1:${address.port}`, spans, posts };
}
