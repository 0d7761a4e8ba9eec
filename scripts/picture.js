/**
 * Owns docs/board.png, the README's picture: a server of its own with a day's work in it, seen in a real browser.
 * Run it after the board has changed: `npm run picture`. It needs Chromium, as the tests do.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const rootDir = fileURLToPath(new URL('..', import.meta.url));
const picturePath = join(rootDir, 'docs', 'board.png');
const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-picture-'));

const server = spawn(process.execPath, ['scripts/run.js', 'server'], {
  cwd: rootDir,
  env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', HOLDFAST_DATA_DIR: dataDir },
  stdio: ['ignore', 'pipe', 'inherit'],
});

/** The one-time link that the server prints. */
const link = async () => {
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('/console/#code=')) return line;
  }
  throw new Error('the server printed no link');
};

/** @param {string} url @param {string} code */
const callerOf = async (url, code) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/console/sign-in`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ code }),
  });
  const { token } = await answer.json();
  /** @param {string} method @param {string} path @param {object} body */
  const call = async (method, path, body) => {
    const init = {
      method,
      headers: { ...headers, authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    };
    const done = await fetch(url + path, init);
    if (!done.ok) throw new Error(`${method} ${path}: ${await done.text()}`);
    return done.json();
  };
  return { token, call };
};

/** @param {Awaited<ReturnType<typeof callerOf>>['call']} call */
const fill = async (call) => {
  const hold = (/** @type {number[]} */ room_ids, /** @type {number} */ ttl_seconds, holder = 'customer') =>
    call('POST', '/rooms/hold', { room_ids, ttl_seconds, holder });
  const book = async (/** @type {number[]} */ room_ids, /** @type {string} */ booking_reference) => {
    const { hold_id } = await hold(room_ids, 900);
    await call('POST', `/rooms/hold/${hold_id}/confirm`, { booking_reference });
  };
  const freeze = (/** @type {number} */ roomId, /** @type {object} */ body) =>
    call('POST', `/rooms/${roomId}/freeze`, body);
  await book([1, 2], 'B-2041');
  await book([11], 'B-2044');
  await book([27, 28, 29], 'B-2050');
  await book([48], 'B-2052');
  await hold([5, 6], 834);
  await hold([15], 312);
  await hold([33, 34, 35], 1750, 'conference desk');
  await freeze(8, { freeze_reason: 'CLEANING', expires_in_seconds: 2700 });
  await freeze(9, { freeze_reason: 'CLEANING', expires_in_seconds: 3600 });
  await freeze(23, { freeze_reason: 'Water damage' });
  await freeze(38, { freeze_reason: 'SYSTEM_HOLD', freeze_note: 'Key card readers' });
  await call('PATCH', '/rooms/18', { room_status: 'MAINTENANCE' });
  await call('PATCH', '/rooms/52', { room_status: 'MAINTENANCE' });
};

/** @param {string} url @param {string} token */
const take = async (url, token) => {
  const executablePath = process.env.TEST_CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0 });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 760 }, colorScheme: 'light' });
    await page.goto(`${url}/console/`);
    await page.getByLabel('Access token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('option', { name: /^203/ }).click();
    await page.getByText('Water damage').last().waitFor();
    await page.mouse.move(0, 0);
    await page.screenshot({ path: picturePath });
  } finally {
    await browser.close();
  }
};

try {
  const { origin, hash } = new URL(await link());
  server.stdout.resume();
  const { token, call } = await callerOf(origin, hash.slice('#code='.length));
  await fill(call);
  await take(origin, token);
  process.stdout.write(`docs/board.png: ${Math.round(statSync(picturePath).size / 1024)} KiB\n`);
} finally {
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
  rmSync(dataDir, { recursive: true, force: true });
}
