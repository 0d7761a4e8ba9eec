/** Owns the proof that the environment means what the contract's table says. */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Config, readConfig } from '../../src/config.ts';

type Environment = Record<string, string | undefined>;

const configOf = (env: Environment): Config => {
  const result = readConfig(env);
  if ('faults' in result) throw new Error(`refused: ${result.faults.join('; ')}`);
  return result.config;
};

const faultsOf = (env: Environment): readonly string[] => {
  const result = readConfig(env);
  return 'faults' in result ? result.faults : [];
};

const secret = 'x'.repeat(32);
const production = { NODE_ENV: 'production', DATABASE_URL: 'postgresql://db/holdfast', JWT_SECRET: secret };

describe('what is not set', () => {
  const defaults: Config = {
    host: '127.0.0.1',
    port: 3000,
    databaseUrl: undefined,
    databasePoolMax: 16,
    dataDir: join(process.cwd(), '.data'),
    redisUrl: undefined,
    key: undefined,
    jwtIssuer: undefined,
    jwtAudience: undefined,
    holdTtlSeconds: 900,
    holdTtlSecondsMax: 7200,
    holdLifetimeSecondsMax: 7200,
    holdRoomsMax: 20,
    holdsActiveMax: 20,
    holdSweepIntervalSeconds: 60,
    rateLimitPerMinute: 6000,
    corsOrigins: [],
    trustProxy: false,
    publicUrl: undefined,
    metricsToken: undefined,
    tracing: undefined,
    logLevel: 'info',
    shutdownGraceSeconds: 10,
    isProduction: false,
  };

  it('has the defaults of the contract', () => {
    expect(configOf({})).toEqual(defaults);
  });

  it('includes what is empty', () => {
    const names = [
      'HOST',
      'PORT',
      'DATABASE_URL',
      'REDIS_URL',
      'JWT_SECRET',
      'JWT_JWKS_URL',
      'CORS_ORIGINS',
      'NODE_ENV',
    ];
    expect(configOf(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(defaults);
  });

  it('cannot be changed afterwards', () => {
    const config = configOf({});
    expect(Object.isFrozen(config) && Object.isFrozen(config.corsOrigins)).toBe(true);
  });
});

describe('whole numbers', () => {
  const ranges: [string, keyof Config, number, number][] = [
    ['PORT', 'port', 0, 65535],
    ['DATABASE_POOL_MAX', 'databasePoolMax', 2, 200],
    ['HOLD_TTL_SECONDS', 'holdTtlSeconds', 1, 86400],
    ['HOLD_TTL_SECONDS_MAX', 'holdTtlSecondsMax', 1, 86400],
    ['HOLD_LIFETIME_SECONDS_MAX', 'holdLifetimeSecondsMax', 1, 604800],
    ['HOLD_ROOMS_MAX', 'holdRoomsMax', 1, 200],
    ['HOLDS_ACTIVE_MAX', 'holdsActiveMax', 0, 100000],
    ['HOLD_SWEEP_INTERVAL_SECONDS', 'holdSweepIntervalSeconds', 1, 86400],
    ['RATE_LIMIT_PER_MINUTE', 'rateLimitPerMinute', 0, 1_000_000_000],
    ['SHUTDOWN_GRACE_SECONDS', 'shutdownGraceSeconds', 0, 300],
  ];

  it.each(ranges)('%s is taken at both ends of its range', (name, member, min, max) => {
    expect(configOf({ [name]: String(min) })[member]).toBe(min);
    expect(configOf({ [name]: String(max) })[member]).toBe(max);
  });

  it.each(ranges)('%s is refused beyond its range, with the range and the value', (name, _, min, max) => {
    for (const value of [String(min - 1), String(max + 1)]) {
      expect(faultsOf({ [name]: value })).toEqual([
        `${name} must be a whole number from ${min} to ${max}, but is "${value}"`,
      ]);
    }
  });

  it.each(['1e3', '0x10', '10.0', ' 10', '10 ', '+10', 'ten', 'Infinity', '١٠'])(
    'are plain decimals, not %j',
    (value) => {
      expect(faultsOf({ HOLD_ROOMS_MAX: value })).toHaveLength(1);
    },
  );
});

describe('the three hold limits', () => {
  const limitsOf = (env: Environment) => {
    const { holdTtlSeconds, holdTtlSecondsMax, holdLifetimeSecondsMax } = configOf(env);
    return [holdTtlSeconds, holdTtlSecondsMax, holdLifetimeSecondsMax];
  };

  it.each<[Environment, number[]]>([
    [{ HOLD_TTL_SECONDS: '10000' }, [10000, 10000, 10000]],
    [{ HOLD_TTL_SECONDS: '60' }, [60, 7200, 7200]],
    [{ HOLD_TTL_SECONDS_MAX: '600' }, [600, 600, 7200]],
    [{ HOLD_TTL_SECONDS_MAX: '86400' }, [900, 86400, 86400]],
    [{ HOLD_LIFETIME_SECONDS_MAX: '300' }, [300, 300, 300]],
    [{ HOLD_LIFETIME_SECONDS_MAX: '604800' }, [900, 7200, 604800]],
    [{ HOLD_TTL_SECONDS: '8000', HOLD_LIFETIME_SECONDS_MAX: '9000' }, [8000, 8000, 9000]],
  ])('follow what is set: %j', (env, limits) => {
    expect(limitsOf(env)).toEqual(limits);
  });

  it.each<[Environment, string]>([
    [
      { HOLD_TTL_SECONDS: '601', HOLD_TTL_SECONDS_MAX: '600' },
      'HOLD_TTL_SECONDS must be at most HOLD_TTL_SECONDS_MAX (600), but is 601',
    ],
    [
      { HOLD_TTL_SECONDS_MAX: '601', HOLD_LIFETIME_SECONDS_MAX: '600' },
      'HOLD_TTL_SECONDS_MAX must be at most HOLD_LIFETIME_SECONDS_MAX (600), but is 601',
    ],
    [
      { HOLD_TTL_SECONDS: '601', HOLD_LIFETIME_SECONDS_MAX: '600' },
      'HOLD_TTL_SECONDS must be at most HOLD_LIFETIME_SECONDS_MAX (600), but is 601',
    ],
  ])('must rise in their order: %j', (env, fault) => {
    expect(faultsOf(env)).toEqual([fault]);
  });
});

describe('keys', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();

  it('is a secret of at least 32 bytes, not characters', () => {
    expect(configOf({ JWT_SECRET: secret }).key).toEqual({ kind: 'secret', secret });
    expect(configOf({ JWT_SECRET: 'é'.repeat(16) }).key).toEqual({ kind: 'secret', secret: 'é'.repeat(16) });
    expect(faultsOf({ JWT_SECRET: 'x'.repeat(31) })).toEqual(['JWT_SECRET must be at least 32 bytes long']);
  });

  it.each<[string, string]>([
    ['RSA', pem],
    ['RSA on one line', pem.replaceAll('\n', '\\n')],
    [
      'P-256',
      generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .publicKey.export({ type: 'spki', format: 'pem' })
        .toString(),
    ],
    ['Ed25519', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()],
  ])('may be a public key in PEM: %s', (_, text) => {
    const normal = text.replaceAll('\\n', '\n');
    expect(configOf({ JWT_PUBLIC_KEY: text }).key).toEqual({ kind: 'public-key', publicKeyPem: normal });
  });

  it.each<[string, string]>([
    [
      'a short RSA key',
      generateKeyPairSync('rsa', { modulusLength: 1024 })
        .publicKey.export({ type: 'spki', format: 'pem' })
        .toString(),
    ],
    [
      'another curve',
      generateKeyPairSync('ec', { namedCurve: 'P-384' })
        .publicKey.export({ type: 'spki', format: 'pem' })
        .toString(),
    ],
    [
      'another kind',
      generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    ],
    ['no PEM', 'hello'],
    ['a cut PEM', pem.slice(0, 100)],
  ])('is refused when it is %s, without being shown', (_, text) => {
    expect(faultsOf({ JWT_PUBLIC_KEY: text })).toEqual([
      'JWT_PUBLIC_KEY must be a public key in PEM: RSA of at least 2048 bits, EC P-256 or Ed25519',
    ]);
  });

  it('refuses a private key, without showing it', () => {
    const privatePem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(faultsOf({ JWT_PUBLIC_KEY: privatePem })).toEqual([
      'JWT_PUBLIC_KEY must be a public key, not a private one',
    ]);
  });

  it('may be published at a URL', () => {
    const jwksUrl = 'https://login.example.com/.well-known/jwks.json';
    expect(configOf({ JWT_JWKS_URL: jwksUrl }).key).toEqual({ kind: 'jwks', jwksUrl });
    expect(faultsOf({ JWT_JWKS_URL: 'login.example.com' })).toEqual([
      'JWT_JWKS_URL must be an http:// or https:// URL',
    ]);
  });

  it('are of one kind only', () => {
    expect(faultsOf({ JWT_SECRET: secret, JWT_PUBLIC_KEY: pem })).toEqual([
      'JWT_SECRET and JWT_PUBLIC_KEY must not be set together: choose one kind of key',
    ]);
  });
});

describe('production', () => {
  it('needs a database and a key, each named', () => {
    expect(configOf(production).isProduction).toBe(true);
    expect(faultsOf({ NODE_ENV: 'production' })).toEqual([
      'JWT_SECRET (or JWT_PUBLIC_KEY, or JWT_JWKS_URL) must be set when NODE_ENV is production',
      'DATABASE_URL must be set when NODE_ENV is production',
    ]);
  });

  it('does not take an empty value for one', () => {
    expect(faultsOf({ ...production, DATABASE_URL: '' })).toEqual([
      'DATABASE_URL must be set when NODE_ENV is production',
    ]);
  });
});

describe('addresses', () => {
  it.each<[string, string, string]>([
    ['DATABASE_URL', 'mysql://db/holdfast', 'a postgresql:// URL'],
    ['DATABASE_URL', 'db.internal', 'a postgresql:// URL'],
    ['REDIS_URL', 'http://cache', 'a redis:// or rediss:// URL'],
    ['PUBLIC_URL', 'example.com', 'an http:// or https:// URL'],
    ['PUBLIC_URL', 'https://me:secret@example.com', 'a URL without a user or password'],
    ['JWT_JWKS_URL', 'https://:secret@example.com/keys', 'a URL without a user or password'],
    ['PUBLIC_URL', 'https://example.com/?a=b', 'an http:// or https:// URL without a query or fragment'],
  ])('%s refuses %s without repeating it', (name, value, expected) => {
    expect(faultsOf({ [name]: value })).toEqual([`${name} must be ${expected}`]);
  });

  it('PUBLIC_URL loses the slash at its end', () => {
    expect(configOf({ PUBLIC_URL: 'https://example.com/rooms/' }).publicUrl).toBe(
      'https://example.com/rooms',
    );
  });

  it('CORS_ORIGINS is a list of origins as a browser sends them', () => {
    expect(
      configOf({ CORS_ORIGINS: 'https://A.example.com, http://b.example.com:8080/,' }).corsOrigins,
    ).toEqual(['https://a.example.com', 'http://b.example.com:8080']);
  });

  it.each(['*', 'example.com', 'https://example.com/path', 'https://u@example.com', 'null'])(
    'CORS_ORIGINS refuses %s',
    (value) => {
      expect(faultsOf({ CORS_ORIGINS: value })).toEqual([
        `CORS_ORIGINS must be origins such as https://book.example.com, separated by commas, but is "${value}"`,
      ]);
    },
  );

  it.each<[string, Config['trustProxy']]>([
    ['true', true],
    ['false', false],
    ['0', false],
    ['2', 2],
    ['loopback', ['loopback']],
    ['10.0.0.0/8, ::1', ['10.0.0.0/8', '::1']],
  ])('TRUST_PROXY=%s', (value, trustProxy) => {
    expect(configOf({ TRUST_PROXY: value }).trustProxy).toEqual(trustProxy);
  });

  it.each(['yes', '33', '10.0.0.0/33', '10.0.0.0/', 'proxy.internal', '10.0.0.1;10.0.0.2', ','])(
    'TRUST_PROXY refuses %s',
    (value) => {
      expect(faultsOf({ TRUST_PROXY: value })).toHaveLength(1);
    },
  );
});

it('LOG_LEVEL is a level of pino', () => {
  expect(configOf({ LOG_LEVEL: 'silent' }).logLevel).toBe('silent');
  expect(faultsOf({ LOG_LEVEL: 'verbose' })).toEqual([
    'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, but is "verbose"',
  ]);
});

it('METRICS_TOKEN can be sent in a header', () => {
  expect(faultsOf({ METRICS_TOKEN: 'two words' })).toEqual([
    'METRICS_TOKEN must be visible ASCII characters without spaces',
  ]);
});

it('every fault is reported at once, those of settings that depend on each other too', () => {
  const faults = faultsOf({
    NODE_ENV: 'production',
    PORT: 'abc',
    HOLDS_ACTIVE_MAX: '-1',
    JWT_SECRET: 'short',
    HOLD_TTL_SECONDS: '100',
    HOLD_TTL_SECONDS_MAX: '50',
  });
  expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
    'PORT',
    'JWT_SECRET',
    'HOLDS_ACTIVE_MAX',
    'HOLD_TTL_SECONDS',
    'DATABASE_URL',
  ]);
});
