import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { roles, startTestApp, type TestApp } from '../helpers/app.ts';
import { listen, signIn, startBrowser, type TestBrowser } from '../helpers/browser.ts';
import { until } from '../helpers/connections.ts';
import { changeRoom, freezeRoom, makeRoom, makeRoomType, placeHold } from '../helpers/property.ts';

let server: TestApp;
let browser: TestBrowser;
let url: string;
let roomTypeId: number;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestApp(), startBrowser()]);
  roomTypeId = (await makeRoomType(server, 'Double')).room_type_id;
  url = await listen(server);
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

const newRoom = (room_no: string) => makeRoom(server, { room_no, room_type_id: roomTypeId });

const entries = (page: Page, name: string | RegExp) => page.getByRole('listitem', { name });

/** What an entry says of each field, as `Status: free becomes frozen`. */
const changesIn = async (page: Page, name: string): Promise<string[]> => {
  const rows = entries(page, name).first().locator('dl > div');
  const texts = await rows.evaluateAll((found) =>
    found.map((row) => [...row.querySelectorAll('dt, del, ins, dd > span')].map((part) => part.textContent)),
  );
  return texts.map(([label, ...values]) => `${label}: ${values.join(' becomes ')}`);
};

test('an entry tells field by field what was and what is, and comes by itself', async () => {
  const room = await newRoom('A1');
  await changeRoom(server, room.room_id, { floor: '2' });
  const page = await browser.open();
  await signIn(page, url, roles.operations, '#/audit');
  await entries(page, 'Room A1: Created').getByText('Double').waitFor();
  // The names of types come with an answer of their own.
  await entries(page, 'Room A1: Created').getByText('Double').waitFor();
  expect(await changesIn(page, 'Room A1: Created')).toEqual([
    'Number: A1',
    'Type: Double',
    'Status: free',
    'Reason: none',
    'Fence: 0',
  ]);
  expect(await changesIn(page, 'Room A1: Changed')).toEqual(['Floor: 2']);
  await freezeRoom(server, room.room_id, { freeze_reason: 'Water damage' });
  await entries(page, 'Room A1: Frozen').waitFor();
  expect(await changesIn(page, 'Room A1: Frozen')).toEqual([
    'Status: free becomes frozen',
    'Reason: none becomes locked by an admin',
    'Note: Water damage',
  ]);
});

test('from the board to a room’s trail, from there to its hold, and to a person', async () => {
  const [one, two] = [await newRoom('B1'), await newRoom('B2')];
  const hold = await placeHold(server, [one.room_id, two.room_id], { reference: 'cart-9' });
  const page = await browser.open();
  await signIn(page, url, roles.admin);
  await page.getByRole('option', { name: /^B1/ }).click();
  await page.getByRole('link', { name: 'What happened to it' }).click();
  await entries(page, 'Room B1: Held').waitFor();
  expect(await entries(page, /Room B2/).count()).toBe(0);
  expect(await page.getByRole('combobox', { name: 'Room' }).inputValue()).toBe('B1');

  await page.getByRole('link', { name: 'whole hold' }).click();
  await entries(page, 'Room B2: Held').waitFor();
  expect(new URL(page.url()).hash).toBe(`#/audit?hold_id=${hold.hold_id}`);
  expect(await changesIn(page, 'Room B2: Held')).toEqual(
    expect.arrayContaining(['Status: free becomes held', 'For: frontend', 'Reference: cart-9']),
  );

  await page.getByRole('link', { name: 'See the hold' }).click();
  await page.getByRole('listitem', { name: 'Active: Rooms B1 and B2' }).waitFor();
  await page.goBack();
  await entries(page, 'Room B2: Held').getByRole('link', { name: 'frontend' }).click();
  // The box is there before, and empty.
  await until(async () =>
    expect(await page.getByRole('searchbox', { name: 'Person' }).inputValue()).toBe('frontend'),
  );
  expect(await entries(page, /Created/).count()).toBe(0);
});

test('the trail is narrowed by action and time, and more of it is loaded when asked for', async () => {
  const room = await newRoom('C1');
  for (let floor = 1; floor <= 51; floor += 1) {
    await changeRoom(server, room.room_id, { floor: String(floor) });
  }
  const page = await browser.open();
  await signIn(page, url, roles.admin, `#/audit?entity=room&entity_id=${room.room_id}`);
  await entries(page, /Room C1/)
    .first()
    .waitFor();
  expect(await entries(page, /Room C1/).count()).toBe(50);
  await page.getByRole('button', { name: 'Load more entries' }).click();
  await page.getByText('These are all 52 entries').waitFor();
  await page.getByRole('button', { name: 'Action' }).click();
  await page.getByRole('option', { name: 'Created' }).click();
  await page.getByText('This is all').waitFor();
  expect(await entries(page, /Room C1/).count()).toBe(1);
  await page.getByLabel('To', { exact: true }).fill('2020-01-01T00:00');
  await page.getByText('Nothing of this kind happened').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await entries(page, /Room C1/)
    .first()
    .waitFor();
});
