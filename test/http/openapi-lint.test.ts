/** Owns the proof that a linter of other people's making has nothing to say of the OpenAPI document. */
import { fileURLToPath } from 'node:url';
import { lintFromString, loadConfig } from '@redocly/openapi-core';
import { expect, onTestFinished, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';

const configPath = fileURLToPath(new URL('../../redocly.yaml', import.meta.url));

const lint = async (source: string): Promise<string[]> => {
  const findings = await lintFromString({ source, config: await loadConfig({ configPath }) });
  return findings.map(
    ({ severity, ruleId, message, location }) =>
      `${severity} ${ruleId}: ${message} (${location[0]?.pointer ?? ''})`,
  );
};

test.each(['', 'https://api.example.org/holdfast'])(
  'the linter finds no fault under PUBLIC_URL=%s',
  async (url) => {
    const server = await startTestApp({ env: { PUBLIC_URL: url } });
    onTestFinished(server.close);
    const document = (await server.app.inject('/openapi.json')).body;
    expect(await lint(document)).toEqual([]);
    // It does look: a summary that is missing is found.
    expect(await lint(document.replace(/"summary":"Place a hold",/, ''))).toEqual([
      expect.stringContaining('operation-summary'),
    ]);
  },
);
