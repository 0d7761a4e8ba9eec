/** Owns `npm run client`: the types out of this very source's OpenAPI document, and the client compiled with them. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import openapiTypes, { astToString } from 'openapi-typescript';
import { pino } from 'pino';
import { buildApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { openPlatform } from '../src/platform.ts';

const clientDir = fileURLToPath(new URL('.', import.meta.url));
const schemaPath = join(clientDir, 'src', 'schema.ts');

/** The document of a server with default settings. Nothing is connected to: the address is of nobody. */
const readDocument = async (): Promise<string> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-client-'));
  const settings = readConfig({
    DATABASE_URL: 'postgresql://127.0.0.1:1/none',
    HOLDFAST_DATA_DIR: dataDir,
    JWT_SECRET: 'nobody signs a token with this secret',
  });
  if ('faults' in settings) throw new Error(settings.faults.join('; '));
  const platform = await openPlatform(settings.config, pino({ level: 'silent' }));
  const app = await buildApp(platform);
  try {
    return (await app.inject('/openapi.json')).body;
  } finally {
    await app.close();
    await platform.close();
    await rm(dataDir, { recursive: true, force: true });
  }
};

const types = astToString(await openapiTypes(await readDocument(), { alphabetize: true }));
await writeFile(
  schemaPath,
  `/** Written by npm run client out of the OpenAPI document: change that. */\n\n${types}`,
);
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const { status } = spawnSync(process.execPath, [compiler, '--project', clientDir], { stdio: 'inherit' });
if (status === 0) process.stdout.write('client/dist has the typed client\n');
process.exitCode = status ?? 1;
