/** Owns Prisma's schema engine, compiled to WebAssembly: loads it and connects it to a database through `pg`. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/** The engine's lines, each a JSON text. */
export type EngineLog = (line: string) => void;

/** The engine on one connection of its own, for as long as the work given to `withSchemaEngine` takes. */
export type EngineSession = {
  engine: SchemaEngine;
  /** Runs one SQL text on the engine's own connection. */
  query(sql: string, values?: readonly unknown[]): Promise<pg.QueryResult<Record<string, unknown>>>;
  /** What Postgres said of the script that failed, if one did: the engine's own error does not repeat it. */
  scriptFailure(): unknown;
};

let loading: Promise<void> | undefined;

/** The package imports its .wasm as a module, which Node does not do: it is compiled and bound here, once. */
const loadEngine = (): Promise<void> => {
  loading ??= (async () => {
    // The engine reports a panic to exactly this global; thrown from there, its words reach the caller.
    const panicRegistry = {
      set_message: (message: string) => {
        throw new Error(`the schema engine failed: ${message}`);
      },
    };
    Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: panicRegistry });
    const scriptPath = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
    const binary = await readFile(scriptPath.replace(/\.js$/, '.wasm'));
    const { instance } = await WebAssembly.instantiate(binary, {
      './schema_engine_bg.js': { ...engineModule },
    });
    engineModule.__wbg_set_wasm(instance.exports);
    const start = instance.exports.__wbindgen_start;
    if (typeof start !== 'function') throw new Error('the schema engine has no start function');
    start();
  })();
  return loading;
};

/** The columns in which the engine asks for the type "char" and wants a character back. */
const charColumns = /\b(constr\.contype|con\.confdeltype|con\.confupdtype)(?= AS constraint_type,|,\n)/g;
const charColumnNames: ReadonlySet<string> = new Set(['constraint_type', 'confdeltype', 'confupdtype']);

/**
 * An adapter as the engine needs it. `PrismaPg` splits scripts at every semicolon, which breaks function bodies:
 * here a script goes out as it is. And it refuses the type "char": here the query asks for text instead, and the
 * answer is marked as characters.
 */
const adapterForEngine = <T extends SqlDriverAdapter>(
  adapter: T,
  pool: pg.Pool,
  onFailure: (error: unknown) => void,
): T => {
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const sql = query.sql.replace(charColumns, '$1::text');
    const result = await queryRaw({ ...query, sql });
    if (sql === query.sql) return result;
    const columnTypes = result.columnTypes.map((type, index) =>
      charColumnNames.has(result.columnNames[index] ?? '') ? ColumnTypeEnum.Character : type,
    );
    return { ...result, columnTypes };
  };
  adapter.executeScript = async (script) => {
    await pool.query(script).catch((error: unknown) => {
      onFailure(error);
      throw error;
    });
  };
  return adapter;
};

/**
 * A pool of exactly one connection, so that a transaction can be opened around what the engine does. If that
 * connection breaks there is no second one: it would go on outside of the transaction.
 */
const openSingleConnection = (url: string): pg.Pool => {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 10_000,
  });
  let connectionsCount = 0;
  pool.on('connect', (client) => {
    connectionsCount += 1;
    if (connectionsCount > 1) void client.end();
  });
  pool.on('error', () => {
    // The next query reports it.
  });
  return pool;
};

const withDatabase = (url: string, name: string): string => {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
};

type ShadowDatabases = { connect(): Promise<SqlDriverAdapter>; drop(): Promise<void> };

/** Empty databases beside that of `url`, which the engine fills; all are dropped, also when it fails half-way. */
const openShadowDatabases = (
  url: string,
  main: pg.Pool,
  onFailure: (error: unknown) => void,
): ShadowDatabases => {
  const dropsByName = new Map<string, () => Promise<void>>();
  return {
    connect: async () => {
      const name = `holdfast_shadow_${crypto.randomUUID().replaceAll('-', '')}`;
      await main.query(`CREATE DATABASE "${name}" TEMPLATE template0`);
      const pool = openSingleConnection(withDatabase(url, name));
      const drop = async () => {
        if (!dropsByName.delete(name)) return;
        await pool.end();
        await main.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
      };
      dropsByName.set(name, drop);
      const adapter = adapterForEngine(await new PrismaPg(pool).connect(), pool, onFailure);
      adapter.dispose = drop;
      return adapter;
    },
    drop: async () => {
      for (const drop of [...dropsByName.values()]) await drop();
    },
  };
};

/**
 * Runs `work` with an engine connected to the database of `url`, and closes both after. `datamodel` is the text
 * of the Prisma schema. Throws what `work` throws, and when the database is out of reach.
 */
export async function withSchemaEngine<T>(
  options: { url: string; datamodel: string; log: EngineLog },
  work: (session: EngineSession) => Promise<T>,
): Promise<T> {
  await loadEngine();
  const pool = openSingleConnection(options.url);
  let scriptFailure: unknown;
  const onFailure = (error: unknown) => {
    scriptFailure = error;
  };
  const shadowDatabases = openShadowDatabases(options.url, pool, onFailure);
  try {
    // Asked first: the engine's own words about an unreachable database say little.
    await pool.query('SELECT 1');
    const inner = new PrismaPg(pool);
    const factory: SqlMigrationAwareDriverAdapterFactory = {
      provider: inner.provider,
      adapterName: inner.adapterName,
      connect: async () => adapterForEngine(await inner.connect(), pool, onFailure),
      connectToShadowDb: shadowDatabases.connect,
    };
    const engine = await engineModule.SchemaEngine.new(
      { datamodels: [['schema.prisma', options.datamodel]] },
      options.log,
      bindMigrationAwareSqlAdapterFactory(factory),
    );
    try {
      const query: EngineSession['query'] = (sql, values) =>
        pool.query(sql, values ? [...values] : undefined);
      return await work({ engine, query, scriptFailure: () => scriptFailure });
    } finally {
      engine.free();
      await shadowDatabases.drop();
    }
  } finally {
    await pool.end();
  }
}
