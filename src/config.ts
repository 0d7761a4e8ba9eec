/** Owns the environment: the only reader of process.env, one schema for every variable, all faults at once. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { type TracingSetting, tracingSettingOf, tracingSettings } from './config-tracing.ts';
import {
  corsOrigins,
  publicKeyPem,
  type TrustProxy,
  trustProxy,
  url,
  webUrl,
  webUrlExpected,
  wholeNumber,
} from './config-values.ts';

/** How tokens are verified: with one shared secret, one public key, or the keys that an issuer publishes. */
export type KeySetting =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'public-key'; readonly publicKeyPem: string }
  | { readonly kind: 'jwks'; readonly jwksUrl: string };

/** Every setting of a server, checked and with its default. Frozen; seconds and counts as the names say. */
export type Config = Readonly<{
  host: string;
  port: number;
  databaseUrl: string | undefined;
  databasePoolMax: number;
  dataDir: string;
  redisUrl: string | undefined;
  key: KeySetting | undefined;
  jwtIssuer: string | undefined;
  jwtAudience: string | undefined;
  holdTtlSeconds: number;
  holdTtlSecondsMax: number;
  holdLifetimeSecondsMax: number;
  holdRoomsMax: number;
  holdsActiveMax: number;
  holdSweepIntervalSeconds: number;
  rateLimitPerMinute: number;
  corsOrigins: readonly string[];
  trustProxy: TrustProxy;
  publicUrl: string | undefined;
  metricsToken: string | undefined;
  tracing: TracingSetting | undefined;
  logLevel: LogLevel;
  shutdownGraceSeconds: number;
  isProduction: boolean;
}>;

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** The levels pino knows, `silent` included. */
export type LogLevel = (typeof logLevels)[number];

/** A setting whose value may be shown in a fault: it never holds a password, a key or a token. */
const settingsShown = new Set([
  'HOST',
  'PORT',
  'DATABASE_POOL_MAX',
  'HOLD_TTL_SECONDS',
  'HOLD_TTL_SECONDS_MAX',
  'HOLD_LIFETIME_SECONDS_MAX',
  'HOLD_ROOMS_MAX',
  'HOLDS_ACTIVE_MAX',
  'HOLD_SWEEP_INTERVAL_SECONDS',
  'RATE_LIMIT_PER_MINUTE',
  'CORS_ORIGINS',
  'TRUST_PROXY',
  'LOG_LEVEL',
  'SHUTDOWN_GRACE_SECONDS',
  'OTEL_TRACES_EXPORTER',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
]);

/** HS256 signs with SHA-256: a shorter secret than its output weakens it. */
const secretBytesMin = 32;

/** The wire form of the environment: one line per variable of the contract's table. */
const settingsSchema = z.object({
  HOST: z.string().regex(/^\S+$/, 'a host name or an address').default('127.0.0.1'),
  PORT: wholeNumber(0, 65535).default(3000),
  DATABASE_URL: url(['postgres:', 'postgresql:'], 'a postgresql:// URL').optional(),
  DATABASE_POOL_MAX: wholeNumber(2, 200).default(16),
  HOLDFAST_DATA_DIR: z.string().default('.data'),
  REDIS_URL: url(['redis:', 'rediss:'], 'a redis:// or rediss:// URL').optional(),
  JWT_SECRET: z
    .string()
    .refine((text) => Buffer.byteLength(text) >= secretBytesMin, `at least ${secretBytesMin} bytes long`)
    .optional(),
  JWT_PUBLIC_KEY: publicKeyPem.optional(),
  JWT_JWKS_URL: webUrl.optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  HOLD_TTL_SECONDS: wholeNumber(1, 86400).optional(),
  HOLD_TTL_SECONDS_MAX: wholeNumber(1, 86400).optional(),
  HOLD_LIFETIME_SECONDS_MAX: wholeNumber(1, 604800).optional(),
  HOLD_ROOMS_MAX: wholeNumber(1, 200).default(20),
  HOLDS_ACTIVE_MAX: wholeNumber(0, 100000).default(20),
  HOLD_SWEEP_INTERVAL_SECONDS: wholeNumber(1, 86400).default(60),
  RATE_LIMIT_PER_MINUTE: wholeNumber(0, 1_000_000_000).default(6000),
  CORS_ORIGINS: corsOrigins.default([]),
  TRUST_PROXY: trustProxy.default(false),
  PUBLIC_URL: webUrl
    .refine((text) => /^[^?#]*$/.test(text), `${webUrlExpected} without a query or fragment`)
    .transform((text) => text.replace(/\/+$/, ''))
    .optional(),
  METRICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'visible ASCII characters without spaces')
    .optional(),
  LOG_LEVEL: z.enum(logLevels, `one of ${logLevels.join(', ')}`).default('info'),
  SHUTDOWN_GRACE_SECONDS: wholeNumber(0, 300).default(10),
  NODE_ENV: z.string().optional(),
  ...tracingSettings,
});

type Settings = z.output<typeof settingsSchema>;
type SettingName = keyof Settings;

const holdSettings = ['HOLD_TTL_SECONDS', 'HOLD_TTL_SECONDS_MAX', 'HOLD_LIFETIME_SECONDS_MAX'] as const;

/**
 * The three hold limits must rise in their order. One that is not set follows those that are: the default is
 * moved just as far as needed, so that setting a single limit is never a fault by itself.
 */
const holdLimits = (settings: Settings) => {
  const ttl = settings.HOLD_TTL_SECONDS;
  const ttlMax = settings.HOLD_TTL_SECONDS_MAX;
  const lifetimeMax = settings.HOLD_LIFETIME_SECONDS_MAX;
  return {
    holdTtlSeconds: ttl ?? Math.min(900, ttlMax ?? 900, lifetimeMax ?? 900),
    holdTtlSecondsMax: ttlMax ?? Math.max(Math.min(7200, lifetimeMax ?? 7200), ttl ?? 1),
    holdLifetimeSecondsMax: lifetimeMax ?? Math.max(7200, ttlMax ?? 1, ttl ?? 1),
  };
};

const holdLimitFaults = (settings: Settings): string[] => {
  const set = holdSettings.flatMap((name) => {
    const value = settings[name];
    return value === undefined ? [] : [{ name, value }];
  });
  return set.slice(1).flatMap(({ name, value }, index) => {
    const smaller = set[index];
    if (smaller === undefined || smaller.value <= value) return [];
    return [`${smaller.name} must be at most ${name} (${value}), but is ${smaller.value}`];
  });
};

const keyNames = ['JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWT_JWKS_URL'] as const;

const keyFaults = (isSet: (name: SettingName) => boolean, isProduction: boolean): string[] => {
  const namesSet = keyNames.filter(isSet);
  if (namesSet.length > 1)
    return [`${namesSet.join(' and ')} must not be set together: choose one kind of key`];
  if (namesSet.length === 0 && isProduction) {
    return ['JWT_SECRET (or JWT_PUBLIC_KEY, or JWT_JWKS_URL) must be set when NODE_ENV is production'];
  }
  return [];
};

const keyOf = (settings: Settings): KeySetting | undefined => {
  if (settings.JWT_SECRET !== undefined) return { kind: 'secret', secret: settings.JWT_SECRET };
  if (settings.JWT_PUBLIC_KEY !== undefined) {
    return { kind: 'public-key', publicKeyPem: settings.JWT_PUBLIC_KEY };
  }
  if (settings.JWT_JWKS_URL !== undefined) return { kind: 'jwks', jwksUrl: settings.JWT_JWKS_URL };
  return undefined;
};

const configOf = (settings: Settings): Config =>
  Object.freeze({
    host: settings.HOST,
    port: settings.PORT,
    databaseUrl: settings.DATABASE_URL,
    databasePoolMax: settings.DATABASE_POOL_MAX,
    dataDir: resolve(settings.HOLDFAST_DATA_DIR),
    redisUrl: settings.REDIS_URL,
    key: keyOf(settings),
    jwtIssuer: settings.JWT_ISSUER,
    jwtAudience: settings.JWT_AUDIENCE,
    ...holdLimits(settings),
    holdRoomsMax: settings.HOLD_ROOMS_MAX,
    holdsActiveMax: settings.HOLDS_ACTIVE_MAX,
    holdSweepIntervalSeconds: settings.HOLD_SWEEP_INTERVAL_SECONDS,
    rateLimitPerMinute: settings.RATE_LIMIT_PER_MINUTE,
    corsOrigins: Object.freeze(settings.CORS_ORIGINS),
    trustProxy: settings.TRUST_PROXY,
    publicUrl: settings.PUBLIC_URL,
    metricsToken: settings.METRICS_TOKEN,
    tracing: tracingSettingOf(settings),
    logLevel: settings.LOG_LEVEL,
    shutdownGraceSeconds: settings.SHUTDOWN_GRACE_SECONDS,
    isProduction: settings.NODE_ENV === 'production',
  });

/**
 * The settings in `env`, or every fault at once: each a sentence that begins with the variable's name and says
 * what was expected. An empty value counts as unset. Values that may be secret are never repeated.
 */
export function readConfig(
  env: Record<string, string | undefined>,
): { config: Config } | { faults: readonly string[] } {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = settingsSchema.safeParse(set);
  const expectedByName = new Map(
    (result.error?.issues ?? []).map((issue) => [String(issue.path[0]), issue.message]),
  );
  const faults = [...expectedByName].map(([name, expected]) => {
    const shown = settingsShown.has(name) ? `, but is ${JSON.stringify(set[name])}` : '';
    return `${name} must be ${expected}${shown}`;
  });
  // What is set well is still checked for what depends on it, as if the faulty settings were unset.
  const valid = Object.entries(set).filter(([name]) => !expectedByName.has(name));
  const settings = settingsSchema.parse(Object.fromEntries(valid));
  const isProduction = settings.NODE_ENV === 'production';
  faults.push(...holdLimitFaults(settings), ...keyFaults((name) => set[name] !== undefined, isProduction));
  if (isProduction && set.DATABASE_URL === undefined) {
    faults.push('DATABASE_URL must be set when NODE_ENV is production');
  }
  return faults.length === 0 ? { config: configOf(settings) } : { faults };
}

/** The settings of this process's environment, as `readConfig` gives them. */
export function loadConfig(): ReturnType<typeof readConfig> {
  return readConfig(process.env);
}
