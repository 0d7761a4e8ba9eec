/** Owns the list of everything that a server offers: every plugin and every feature, in one visible place. */
import type { FastifyInstance } from 'fastify';
import { auditRoutes } from './audit/routes.ts';
import { docsRoutes } from './docs/routes.ts';
import { eventRoutes } from './events/routes.ts';
import { type EventTimes, openEventService } from './events/service.ts';
import { freezeRoutes } from './freezes/routes.ts';
import { holdRoutes } from './holds/routes.ts';
import { countHolds } from './holds/service.ts';
import { buildBareApp, type HttpTimes } from './http/bare-app.ts';
import { consoleRoutes } from './http/console.ts';
import { healthRoutes } from './http/health.ts';
import { otherMethods } from './http/methods.ts';
import { metricsRoutes } from './http/metrics.ts';
import { migrationNames } from './migrations.ts';
import type { Platform } from './platform.ts';
import { roomRoutes, roomTypeRoutes } from './rooms/routes.ts';
import { openRoomService } from './rooms/service.ts';

/** Times that a test changes. */
export type AppTimes = HttpTimes & { events?: EventTimes };

/** The server on `platform`, ready to listen or to be injected into. Closing it leaves the platform open. */
export async function buildApp(platform: Platform, times: AppTimes = {}): Promise<FastifyInstance> {
  const { cache, config, database, draining, keys, log, metrics, tracing, signInCodes: codes } = platform;
  const wanted = migrationNames();
  const checkReady = () => database.checkReady(wanted);
  const rooms = openRoomService(platform);
  const app = await buildBareApp({ config, keys, log, draining, metrics, tracing, times });
  const events = openEventService(platform, times.events);
  await app.register(healthRoutes({ checkReady, draining }));
  await app.register(
    metricsRoutes({
      metrics,
      token: config.metricsToken,
      sources: {
        countConnections: database.countConnections,
        connectionsMax: config.databasePoolMax,
        isRedisUp: cache.isRedisUp,
        countEventStreams: () => events.count,
        checkReady,
        countRooms: rooms.countRooms,
        countHolds: () => countHolds(database),
      },
    }),
  );
  await app.register(roomRoutes(rooms));
  await app.register(roomTypeRoutes(platform));
  await app.register(freezeRoutes(platform));
  await app.register(holdRoutes(platform));
  await app.register(auditRoutes(platform));
  await app.register(eventRoutes(events));
  await app.register(docsRoutes);
  const canSignIn = codes !== undefined && keys.kind === 'secret';
  const signIn = canSignIn ? { codes, secret: keys.secret } : undefined;
  await app.register(consoleRoutes({ config, signIn }));
  // More features stand here, one line each.
  await app.register(otherMethods);
  await app.ready();
  return app;
}
