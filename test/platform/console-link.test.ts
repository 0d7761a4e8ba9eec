/** Owns the proof that a server started without settings prints a link into its console, and no other server does. */
import { expect, test } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { eventually, makeDataDir, startServer } from '../helpers/server-process.ts';
import { testSecret } from '../helpers/tokens.ts';

const exchange = (url: string, code: string): Promise<Response> =>
  fetch(`${url}/console/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });

test('with no settings: a link to the console whose code is good once', async () => {
  const server = await startServer({ HOLDFAST_DATA_DIR: await makeDataDir() });
  const link = await eventually(() => {
    const found = /^(http:\S+)\/console\/#code=([\w-]+)$/m.exec(server.output());
    if (found === null) throw new Error(`no link yet: ${server.output()}`);
    return { url: found[1] ?? '', code: found[2] ?? '' };
  });
  expect(link.url).toBe(server.url);
  expect((await fetch(`${link.url}/console/`)).headers.get('content-type')).toMatch(/^text\/html/);
  const answer = await exchange(link.url, link.code);
  expect(answer.status).toBe(200);
  const body = (await answer.json()) as { token: string };
  const headers = { authorization: `Bearer ${body.token}` };
  expect((await fetch(`${link.url}/rooms/5/freeze`, { method: 'POST', headers })).status).toBe(200);
  expect((await exchange(link.url, link.code)).status).toBe(401);
  // The code is a secret while it is good: the log of the requests does not repeat it.
  expect(server.output().split(link.code)).toHaveLength(2);
});

test('with a key of one’s own: no link, and no code is good', async () => {
  const database = await createTestDatabase();
  try {
    const server = await startServer({ DATABASE_URL: database.url, JWT_SECRET: testSecret });
    expect((await exchange(server.url, 'anything')).status).toBe(401);
    expect(server.output()).not.toContain('#code=');
    server.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  } finally {
    await database.drop();
  }
});
