import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roles, startTestApp, type TestApp } from '../helpers/app.ts';
import { axeViolations, listen, looks, signIn, startBrowser, type TestBrowser } from '../helpers/browser.ts';
import { expireHold, makeRoomIn, makeRoomType, placeHold } from '../helpers/property.ts';

let server: TestApp;
let browser: TestBrowser;
let url: string;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestApp(), startBrowser()]);
  const { room_type_id } = await makeRoomType(server, 'Double');
  for (const status of ['AVAILABLE', 'MAINTENANCE', 'FROZEN', 'HELD', 'BOOKED'] as const) {
    await makeRoomIn(server, status, { room_no: status, room_type_id, floor: '1' });
  }
  const { room_id } = await makeRoomIn(server, 'AVAILABLE', { room_no: '1', room_type_id });
  await expireHold(server, (await placeHold(server, [room_id], { reference: 'cart' })).hold_id);
  url = await listen(server);
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

type View = { name: string; place: string; open: (page: Page) => Promise<void> };

const views: readonly View[] = [
  {
    name: 'the board, with a room selected',
    place: '#/board',
    open: (page) => page.getByRole('option', { name: /^HELD/ }).click(),
  },
  {
    name: 'freezing',
    place: '#/board',
    open: async (page) => {
      await page.getByRole('option', { name: /^AVAILABLE/ }).click();
      await page.getByRole('button', { name: 'Freeze', exact: true }).click();
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'holds',
    place: '#/holds',
    open: (page) => page.getByRole('button', { name: 'Confirm all the same: Room 1' }).waitFor(),
  },
  {
    name: 'placing a hold',
    place: '#/holds',
    open: async (page) => {
      await page.getByRole('button', { name: 'Place a hold' }).click();
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'extending a hold',
    place: '#/holds',
    open: async (page) => {
      await page.getByRole('button', { name: 'Extend: Room HELD' }).click();
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'the audit trail',
    place: '#/audit',
    open: (page) => page.getByRole('listitem', { name: 'Room HELD: Held' }).waitFor(),
  },
];

/** How much wider than the window the page is. */
const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

describe.each(looks)('at $viewport.width pixels, $colorScheme', (look) => {
  test('axe finds nothing in any view, and nothing sticks out', async () => {
    const page = await browser.open(look);
    await page.goto(`${url}/console/`);
    await page.getByLabel('Access token').waitFor();
    const found: Record<string, unknown> = { 'signing in': await axeViolations(page) };
    await signIn(page, url, roles.admin);
    for (const { name, place, open } of views) {
      await page.goto(`${url}/console/${place}`);
      await page.reload();
      await open(page);
      found[name] = [...(await axeViolations(page)), await page.evaluate(overflow)];
    }
    expect(found).toEqual({
      'signing in': [],
      ...Object.fromEntries(views.map(({ name }) => [name, [0]])),
    });
  });
});

test('the console’s scripts are less than 250 KB, compressed', async () => {
  const { body: page } = await server.app.inject('/console/');
  const paths = [...page.matchAll(/(?:src|href)="(\/console\/[^"]+\.js)"/g)].map(([, path = '']) => path);
  const scripts = await Promise.all(paths.map((path) => server.app.inject(path)));
  const bytes = scripts.map(({ rawPayload }) => gzipSync(rawPayload, { level: 9 }).length);
  expect(paths.length).toBeGreaterThan(0);
  expect(bytes.reduce((sum, one) => sum + one)).toBeLessThan(250_000);
});
