/** Owns the schema's history: which migrations there are, which are missing, applying them, drafting the next one. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MigrationList } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { type EngineLog, type EngineSession, withSchemaEngine } from './schema-engine.ts';

/** What `applyMigrations` says of its work; a pino logger fits. */
export type MigrationLog = { info(message: string): void; debug(message: string): void };

// One level up from src/ and from dist/ alike.
const prismaDir = fileURLToPath(new URL('../prisma/', import.meta.url));
const migrationsDir = join(prismaDir, 'migrations');

/** The key of the advisory lock that Prisma's own CLI takes while it migrates: neither runs beside the other. */
const prismaLockKey = 72_707_369;

/** How long one instance waits for another that is migrating. */
const lockWaitMs = 60_000;

const noFilters = { externalTables: [], externalEnums: [] };

/** The names of all migrations in prisma/migrations, oldest first. Reads the folder: call it once at the start. */
export function migrationNames(): readonly string[] {
  return readdirSync(migrationsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

const datamodel = (): string => readFileSync(join(prismaDir, 'schema.prisma'), 'utf8');

const migrationList = (names: readonly string[]): MigrationList => ({
  baseDir: migrationsDir,
  lockfile: {
    path: 'migration_lock.toml',
    content: readFileSync(join(migrationsDir, 'migration_lock.toml'), 'utf8'),
  },
  shadowDbInitScript: '',
  migrationDirectories: names.map((name) => ({
    path: name,
    migrationFile: {
      path: 'migration.sql',
      content: { tag: 'ok', value: readFileSync(join(migrationsDir, name, 'migration.sql'), 'utf8') },
    },
  })),
});

type Query = EngineSession['query'];

const missingMigrations = async (query: Query): Promise<string[]> => {
  const table = await query(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS is_there`);
  if (table.rows[0]?.is_there !== true) return [...migrationNames()];
  const applied = await query(
    `SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
  );
  const names = new Set(applied.rows.map((row) => row.migration_name));
  return migrationNames().filter((name) => !names.has(name));
};

/**
 * The names of the migrations that the database of `databaseUrl` lacks, oldest first. Changes nothing. Throws
 * when the database is out of reach.
 */
export async function pendingMigrations(databaseUrl: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {
    // The query in flight reports it.
  });
  await client.connect();
  try {
    return await missingMigrations((sql) => client.query(sql));
  } finally {
    await client.end();
  }
}

/** Applies the oldest missing migration, if there is one, and returns its name. Call it in a transaction. */
const applyNext = async ({ engine, query, scriptFailure }: EngineSession): Promise<string | undefined> => {
  const next = (await missingMigrations(query))[0];
  if (next === undefined) return undefined;
  const migrationsList = migrationList(migrationNames().filter((name) => name <= next));
  try {
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters: noFilters });
    if (appliedMigrationNames.includes(next)) return next;
  } catch (error) {
    const reason = scriptFailure() ?? error;
    const words = reason instanceof Error ? reason.message : String(reason);
    throw new Error(`the migration ${next} failed: ${words}`, { cause: reason });
  }
  throw new Error(`the schema engine did not apply the migration ${next}`);
};

/**
 * One migration and its row in `_prisma_migrations` are one transaction: whatever dies half-way, the database
 * knows the migration either as applied or not at all, and the next attempt goes on from there.
 */
const applyNextAlone = async (session: EngineSession): Promise<string | undefined> => {
  await session.query('BEGIN');
  try {
    await session.query(`SET LOCAL lock_timeout = ${lockWaitMs}`);
    await session.query(`SELECT pg_advisory_xact_lock(${prismaLockKey})`);
    const name = await applyNext(session);
    await session.query('COMMIT');
    return name;
  } catch (error) {
    // When the connection is gone so is the transaction: the first error is the one to tell.
    await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
};

/**
 * Applies every missing migration to the database of `databaseUrl` and returns their names; [] when there was
 * nothing to do. Several at once are safe: one works, the others wait (a minute at most), then find it done.
 * Throws when the database is out of reach or a migration fails; what was applied before it stays applied.
 */
export async function applyMigrations(databaseUrl: string, log: MigrationLog): Promise<readonly string[]> {
  const engineLog: EngineLog = (line) => log.debug(line.trimEnd());
  return withSchemaEngine({ url: databaseUrl, datamodel: datamodel(), log: engineLog }, async (session) => {
    const applied: string[] = [];
    try {
      for (;;) {
        const name = await applyNextAlone(session);
        if (name === undefined) return applied;
        applied.push(name);
        log.info(`applied the migration ${name}`);
      }
    } finally {
      // The engine takes its own lock per session, and a connection pooler would keep the session.
      await session.query('SELECT pg_advisory_unlock_all()').catch(() => undefined);
    }
  });
}

/**
 * The SQL that leads from the migrations to `schema.prisma`, as the engine sees it; empty when they agree. Needs
 * a server on which `databaseUrl` may create a database, for the time of the call.
 */
export async function migrationsDiff(databaseUrl: string): Promise<string> {
  const schema = datamodel();
  return withSchemaEngine(
    { url: databaseUrl, datamodel: schema, log: () => undefined },
    async ({ engine }) => {
      const { stdout } = await engine.diff({
        from: { tag: 'migrations', ...migrationList(migrationNames()) },
        to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: schema }] },
        script: true,
        exitCode: null,
        filters: noFilters,
      });
      return stdout ?? '';
    },
  );
}

/**
 * Writes prisma/migrations/<time>_<name>/migration.sql, a draft of what leads from the migrations to
 * `schema.prisma`, and returns its path. Nothing is applied. `databaseUrl` as in `migrationsDiff`. Throws on a
 * name other than lower-case words joined by underscores.
 */
export async function createMigration(databaseUrl: string, name: string): Promise<string> {
  if (!/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name) || name.length > 100) {
    throw new Error(
      'a migration is named in lower-case words joined by underscores, such as room_add_capacity',
    );
  }
  const script = await migrationsDiff(databaseUrl);
  const time = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const dir = join(migrationsDir, `${time}_${name}`);
  await mkdir(dir);
  const path = join(dir, 'migration.sql');
  await writeFile(path, script);
  return path;
}
