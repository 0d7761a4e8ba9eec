/** Owns the whole server for tests: on a real database of its own, spoken to over HTTP by injection. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { type Logger, pino } from 'pino';
import { type AppTimes, buildApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { openPlatform, type Platform } from '../../src/platform.ts';
import { type Answer, openContract } from './contract.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { goodClaims, hmacToken, testSecret } from './tokens.ts';

/** What a call sends; a `body` that is text or bytes goes as it is, anything else as JSON. */
export type CallOptions = { token?: string; body?: unknown; headers?: Record<string, string> };

/** A server under test. */
export type TestApp = {
  app: FastifyInstance;
  platform: Platform;
  database: TestDatabase;
  /** Ready-made tokens, one per role. */
  as: typeof roles;
  /** Calls the server and holds the answer against the OpenAPI document. */
  call: (
    method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE' | 'OPTIONS',
    url: string,
    options?: CallOptions,
  ) => Promise<Answer>;
  /** Closes the server, and the database if it was made here. Call it in `afterAll`. */
  close: () => Promise<void>;
};

const token = (sub: string, ...scopes: string[]) => hmacToken(goodClaims({ sub, scopes }));

/** Tokens by role; the `sub` of each is its name. */
export const roles = {
  admin: token('admin', 'ROOM_MANAGEMENT:WRITE'),
  operations: token('operations', 'ROOM_MANAGEMENT:READ'),
  frontend: token('frontend', 'ROOM_HOLD:WRITE'),
  frontend2: token('frontend2', 'ROOM_HOLD:WRITE'),
  delegate: token('delegate', 'ROOM_HOLD:WRITE', 'ROOM_HOLD:DELEGATE'),
  nobody: token('nobody'),
} as const;

/** Settings of a test app: variables of the environment, another app's database to share, bounds made small, a log. */
export type TestAppOptions = {
  env?: Record<string, string>;
  database?: TestDatabase;
  times?: AppTimes;
  log?: Logger;
};

function bodyOf(text: string, contentType: unknown): unknown {
  if (text === '') return undefined;
  return /^application\/(problem\+)?json(;|$)/.test(String(contentType)) ? JSON.parse(text) : text;
}

function injectOptions({ token, body, headers = {} }: CallOptions): InjectOptions {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
  const payload = isRaw ? body : JSON.stringify(body);
  return {
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload === undefined ? {} : { payload }),
  };
}

/** Starts a server on a new database, or on that of another test app. The rate limit is off unless `env` sets it. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const database = options.database ?? (await createTestDatabase());
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  const read = readConfig({
    DATABASE_URL: database.url,
    DATABASE_POOL_MAX: '8',
    HOLDFAST_DATA_DIR: dataDir,
    JWT_SECRET: testSecret,
    RATE_LIMIT_PER_MINUTE: '0',
    ...options.env,
  });
  if ('faults' in read) throw new Error(read.faults.join('\n'));
  const log = options.log ?? pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' });
  const platform = await openPlatform(read.config, log);
  const app = await buildApp(platform, options.times);
  const check = openContract((await app.inject('/openapi.json')).json());
  return {
    app,
    platform,
    database,
    as: roles,
    call: async (method, url, callOptions = {}) => {
      const answer = await app.inject({ method, url, ...injectOptions(callOptions) });
      const { statusCode: status, headers, body: text } = answer;
      const seen = { status, headers, text, body: bodyOf(text, headers['content-type']) };
      check(method, url, seen);
      return seen;
    },
    close: async () => {
      await app.close();
      await platform.close();
      if (options.database === undefined) await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
