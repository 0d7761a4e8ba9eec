/** Owns the process: starts what a server is made of, in order, and stops it in reverse. */
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildApp } from './app.ts';
import { type Config, loadConfig } from './config.ts';
import { seedDemoProperty } from './demo-property.ts';
import { type EmbeddedPostgres, openEmbeddedPostgres } from './embedded-postgres.ts';
import { startExpiryWorker } from './holds/expiry-worker.ts';
import { isConsoleBuilt } from './http/console.ts';
import { prepareHttpShutdown } from './http-shutdown.ts';
import { createLogger } from './log.ts';
import { applyMigrations } from './migrations.ts';
import { openPlatform, type Platform } from './platform.ts';
import { welcome } from './welcome.ts';

/** Connections beside the pool's: the holder of the data folder, a migration, somebody who looks. */
const connectionsBesidePool = 20;

/** A part that has not stopped after this is left to the end of the process. */
const partStopMsMax = 5_000;

/** What is wanted of the process: `stop` aborts at the first signal (or failure), `force` at the second. */
type Wishes = { stop: AbortController; force: AbortController };

type Part = { name: string; stop: () => Promise<void>; stopMsMax: number };

const openDatabaseServer = async (config: Config, log: Logger): Promise<EmbeddedPostgres> => {
  const connectionsMax = config.databasePoolMax + connectionsBesidePool;
  const postgres = await openEmbeddedPostgres({ dataDir: config.dataDir, connectionsMax, log });
  log.info(`the embedded Postgres runs in ${postgres.dir}`);
  return postgres;
};

/** Where clients on this machine reach the server. */
const localUrl = (app: FastifyInstance): string => {
  const address: AddressInfo | string | null = app.server.address();
  if (address === null || typeof address === 'string') return '';
  const host = ['0.0.0.0', '::'].includes(address.address) ? '127.0.0.1' : address.address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
};

const greet = (config: Config, platform: Platform, app: FastifyInstance): void => {
  if (config.key !== undefined || platform.keys.kind !== 'secret') return;
  const { jwtIssuer: issuer, jwtAudience: audience } = config;
  const { secret } = platform.keys;
  const signInCode = isConsoleBuilt() ? platform.signInCodes?.issue() : undefined;
  process.stdout.write(welcome({ url: localUrl(app), secret, issuer, audience, signInCode }));
};

/** Starts everything, adding to `parts` whatever has to be stopped again; ends early when a stop is wished. */
const start = async (config: Config, log: Logger, wishes: Wishes, parts: Part[]): Promise<void> => {
  const { stop, force } = wishes;
  let databaseUrl = config.databaseUrl;
  if (databaseUrl === undefined) {
    const postgres = await openDatabaseServer(config, log);
    // Postgres writes out what it has: it is not cut short.
    parts.push({ name: 'the embedded Postgres', stop: postgres.stop, stopMsMax: Number.POSITIVE_INFINITY });
    void postgres.lost.then((error) => fail(wishes, log, error));
    databaseUrl = postgres.url;
    if (stop.signal.aborted) return;
    await applyMigrations(databaseUrl, log);
  }

  const platform = await openPlatform({ ...config, databaseUrl }, log);
  parts.push({ name: 'the platform', stop: platform.close, stopMsMax: partStopMsMax });
  if (config.databaseUrl === undefined && (await seedDemoProperty(platform.database))) {
    log.info('made the demonstration property: 60 rooms');
  }

  const app = await buildApp(platform);
  const http = prepareHttpShutdown(app);

  // Each worker is a part of its own: it stops after the last request and before the platform.
  const worker = startExpiryWorker(platform);
  parts.push({ name: 'the expiry worker', stop: worker.stop, stopMsMax: partStopMsMax });

  const graceMs = config.shutdownGraceSeconds * 1000;
  const stopHttp = () => {
    platform.drain();
    return http.close(graceMs, force.signal);
  };
  parts.push({ name: 'the HTTP server', stop: stopHttp, stopMsMax: graceMs + partStopMsMax });
  if (stop.signal.aborted) return;
  await app.listen({ host: config.host, port: config.port });
  greet(config, platform, app);
};

const stopParts = async (parts: readonly Part[], log: Logger): Promise<void> => {
  for (const { name, stop, stopMsMax } of [...parts].reverse()) {
    const waits = Number.isFinite(stopMsMax) ? [delay(stopMsMax, 'late', { ref: false })] : [];
    try {
      if ((await Promise.race([stop(), ...waits])) === 'late') log.warn(`${name} did not stop in time`);
    } catch (error) {
      log.warn({ err: error }, `${name} did not stop well`);
      process.exitCode = 1;
    }
  }
};

/** Something broke that was running well: the server says it, stops in order, and its exit code tells. */
const fail = (wishes: Wishes, log: Logger, error: unknown): void => {
  log.fatal({ err: error }, 'the server stops because of a failure');
  process.exitCode = 1;
  wishes.stop.abort();
};

/** Ctrl-C reaches every process of a terminal, and npm hands it on as well: within this time it is one signal. */
const signalEchoMs = 300;

const listenToSignals = (wishes: Wishes, log: Logger): void => {
  let firstSignalAt = Number.POSITIVE_INFINITY;
  // SIGHUP is a terminal that was closed: its processes would be left behind.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!wishes.stop.signal.aborted) {
        log.info(`${signal}: stopping`);
        firstSignalAt = performance.now();
        wishes.stop.abort();
        return;
      }
      if (performance.now() - firstSignalAt < signalEchoMs) return;
      log.warn(`${signal} again: stopping without waiting for requests`);
      process.exitCode = 1;
      wishes.force.abort();
    });
  }
  process.on('uncaughtException', (error) => fail(wishes, log, error));
  process.on('unhandledRejection', (reason) => fail(wishes, log, reason));
};

const explain = (error: unknown, config: Config): string => {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  const place = `${config.host}:${config.port}`;
  if (code === 'EADDRINUSE') return `cannot listen on ${place}: another program does (see HOST and PORT)`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `cannot listen on ${place}: HOST is not of this machine`;
  if (code === 'EACCES' && 'syscall' in error && error.syscall === 'listen') {
    return `cannot listen on ${place}: not permitted`;
  }
  return error.message.replaceAll(/\s*\n\s*/g, ' ');
};

const complain = (text: string): void => {
  process.stderr.write(`holdfast: ${text}\n`);
  process.exitCode = 1;
};

const serve = async (config: Config): Promise<void> => {
  const isTerminal = process.stdout.isTTY === true && !config.isProduction;
  const log = createLogger({ logLevel: config.logLevel, isTerminal });
  const wishes: Wishes = { stop: new AbortController(), force: new AbortController() };
  listenToSignals(wishes, log);
  const parts: Part[] = [];
  try {
    await start(config, log, wishes, parts);
    if (!wishes.stop.signal.aborted) {
      await new Promise((resolve) => wishes.stop.signal.addEventListener('abort', resolve, { once: true }));
    }
  } catch (error) {
    log.debug({ err: error }, 'the start failed');
    complain(explain(error, config));
  }
  await stopParts(parts, log);
};

const main = async (): Promise<void> => {
  const settings = loadConfig();
  if ('faults' in settings) {
    for (const fault of settings.faults) complain(fault);
    return;
  }
  await serve(settings.config);
};

await main();
// A part that did not stop in time must not keep the process; the log has a moment to be written.
setTimeout(() => process.exit(), 500).unref();
