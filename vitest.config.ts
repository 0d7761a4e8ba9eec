/** Owns how the tests run. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    // Forks: a test file may send signals to itself, and dies alone.
    pool: 'forks',
    // A cold machine with two cores starts a Postgres, a Redis and a server in less.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
