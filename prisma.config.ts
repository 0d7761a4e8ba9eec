/** Owns what the Prisma CLI is told. Only `prisma generate` is ever run; migrations go through src/migrations.ts. */
import { defineConfig } from 'prisma/config';

// The CLI would download a native schema engine that generating does not run: any existing file satisfies it.
if (process.argv.includes('generate')) process.env.PRISMA_SCHEMA_ENGINE_BINARY = process.execPath;

export default defineConfig({ schema: 'prisma/schema.prisma' });
