/** Owns the yardstick of reads: a Fastify app with one route and nothing else, in a process of its own. */
import Fastify from 'fastify';

const app = Fastify();
app.get('/', async () => ({ hello: 'world' }));
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ origin: app.listeningOrigin });
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);
