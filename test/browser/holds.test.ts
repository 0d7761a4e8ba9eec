import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { roles, startTestApp, type TestApp } from '../helpers/app.ts';
import { listen, signIn, startBrowser, type TestBrowser } from '../helpers/browser.ts';
import { expireHold, makeRoom, makeRooms, makeRoomType, placeHold, readRoom } from '../helpers/property.ts';

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

/** The line of the hold on one room, whatever its status or as it is said to be. */
const line = (page: Page, roomNo: string, status = '.+') =>
  page.getByRole('listitem', { name: new RegExp(`^${status}: Rooms? ${roomNo}\\b`) });

const readHold = async (holdId: string) =>
  (await server.call('GET', `/rooms/hold/${holdId}`, { token: roles.operations })).body;

test('a hold that is placed elsewhere appears by itself, counts down, and has expired at its end', async () => {
  const room = await newRoom('A1');
  const page = await browser.open();
  await signIn(page, url, roles.operations, '#/holds');
  await page.getByText('No holds yet').waitFor();
  await placeHold(server, [room.room_id], { reference: 'cart-1' });
  await line(page, 'A1', 'Active').getByRole('timer').filter({ hasText: '14:5' }).waitFor();
  await line(page, 'A1').getByText('cart-1').waitFor();
  expect(await line(page, 'A1').getByRole('button').count()).toBe(0);

  const other = await newRoom('A2');
  const short = await placeHold(server, [other.room_id]);
  await expireHold(server, short.hold_id, -5_000);
  await page.reload();
  await line(page, 'A2', 'Active').getByRole('timer').filter({ hasText: '0:0' }).waitFor();
  await line(page, 'A2', 'Expired').waitFor();
});

test('a hold is extended, confirmed and released', async () => {
  const [one, two] = [await newRoom('B1'), await newRoom('B2')];
  const kept = await placeHold(server, [one.room_id]);
  const left = await placeHold(server, [two.room_id]);
  const page = await browser.open();
  await signIn(page, url, roles.admin, '#/holds');
  await page.getByRole('button', { name: 'Extend: Room B1' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Minutes from now' }).fill('60');
  await dialog.getByRole('button', { name: 'Extend' }).click();
  await line(page, 'B1').getByRole('timer').filter({ hasText: '59:5' }).waitFor();

  await page.getByRole('button', { name: 'Confirm: Room B1' }).click();
  await dialog.getByLabel('Booking reference').fill('B-77');
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await line(page, 'B1', 'Confirmed').getByText('B-77').waitFor();
  expect(await readHold(kept.hold_id)).toMatchObject({ status: 'CONFIRMED', booking_reference: 'B-77' });

  await page.getByRole('button', { name: 'Release: Room B2' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Release' }).click();
  await line(page, 'B2', 'Released').waitFor();
  expect((await readHold(left.hold_id)).status).toBe('RELEASED');
  expect((await readRoom(server, two.room_id)).room_status).toBe('AVAILABLE');
});

test('an expired hold is confirmed all the same, or it is told who has the room now', async () => {
  const [one, two] = [await newRoom('C1'), await newRoom('C2')];
  for (const { room_id } of [one, two]) {
    await expireHold(server, (await placeHold(server, [room_id])).hold_id);
  }
  await placeHold(server, [two.room_id], { token: roles.frontend2 });
  const page = await browser.open();
  await signIn(page, url, roles.admin, '#/holds');
  await page.getByRole('button', { name: 'Confirm all the same: Room C1' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await line(page, 'C1', 'Confirmed').getByText('taken back').waitFor();
  await page.getByRole('button', { name: 'Confirm all the same: Room C2' }).click();
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await dialog.getByText(/rooms cannot be had back\. .*C2 is held until/).waitFor();
});

test('a hold is placed by hand on certain rooms; what is not free is told, and can be left out', async () => {
  const [free, taken] = [await newRoom('D1'), await newRoom('D2')];
  const page = await browser.open();
  await signIn(page, url, roles.admin, '#/holds');
  await page.getByRole('button', { name: 'Place a hold' }).click();
  const dialog = page.getByRole('dialog');
  const field = dialog.getByRole('combobox', { name: 'Room to hold' });
  for (const number of ['D1', 'D2']) {
    await field.fill(number);
    await page.getByRole('option', { name: number }).click();
  }
  await dialog.getByLabel('Reference').fill('phone');
  await dialog.getByLabel('For whom').fill('Ms. Ferreira');
  await placeHold(server, [taken.room_id], { token: roles.frontend2 });
  await dialog.getByRole('button', { name: 'Hold', exact: true }).click();
  await dialog.getByText(/Not all rooms are free: D2 is held until/).waitFor();
  expect((await readRoom(server, free.room_id)).room_status).toBe('AVAILABLE');
  await dialog.getByRole('button', { name: 'Leave it out' }).click();
  await dialog.getByRole('button', { name: 'Hold', exact: true }).click();
  await line(page, 'D1', 'Active').getByText('Ms. Ferreira').waitFor();
  const { hold_id } = await readRoom(server, free.room_id);
  expect(await readHold(hold_id ?? '')).toMatchObject({
    holder: 'Ms. Ferreira',
    created_by: 'admin',
    reference: 'phone',
    rooms: [{ room_no: 'D1' }],
  });
});

test('a hold is placed on any rooms of a type, and too few are told', async () => {
  const { room_type_id } = await makeRoomType(server, 'Suite');
  await makeRooms(server, ['E1', 'E2'], { room_type_id });
  const page = await browser.open();
  await signIn(page, url, roles.admin, '#/holds');
  await page.getByRole('button', { name: 'Place a hold' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Any of a type').click();
  await dialog.getByRole('button', { name: /Type of room/ }).click();
  await page.getByRole('option', { name: 'Suite (2 free)' }).click();
  await dialog.getByRole('textbox', { name: 'How many' }).fill('3');
  await dialog.getByRole('button', { name: 'Hold', exact: true }).click();
  await dialog.getByText('3 rooms of this type are wanted, but only 2 are free').waitFor();
  await dialog.getByRole('textbox', { name: 'How many' }).fill('2');
  await dialog.getByRole('button', { name: 'Hold', exact: true }).click();
  await line(page, 'E1 and E2', 'Active').waitFor();
});

test('the filters are the contract’s, stand in the address, and lead to what they say', async () => {
  const [one, two] = [await newRoom('F1'), await newRoom('F2')];
  await placeHold(server, [one.room_id], { token: roles.delegate, holder: 'Ada' });
  await placeHold(server, [two.room_id], { token: roles.delegate, holder: 'Bob', reference: 'r-2' });
  const page = await browser.open();
  await signIn(page, url, roles.admin, `#/holds?room_id=${one.room_id}`);
  await line(page, 'F1').waitFor();
  expect(await page.getByRole('main').getByRole('listitem').count()).toBe(1);
  await page.getByRole('button', { name: 'Clear room' }).click();
  await page.getByRole('searchbox', { name: 'Reference', exact: true }).fill('r-2');
  await line(page, 'F1').waitFor({ state: 'hidden' });
  await line(page, 'F2').getByText('Bob').waitFor();
  expect(new URL(page.url()).hash).toBe('#/holds?reference=r-2');
  await page.getByRole('button', { name: 'Status' }).click();
  await page.getByRole('option', { name: 'Released' }).click();
  await page.getByText('No holds match').waitFor();
  await page.getByRole('button', { name: 'Show all holds' }).click();
  await line(page, 'F1').waitFor();
});

test('a token that may only hold sees its own holds, and acts on them', async () => {
  const [own, foreign] = [await newRoom('G1'), await newRoom('G2')];
  await placeHold(server, [own.room_id], { token: roles.frontend2 });
  await placeHold(server, [foreign.room_id], { token: roles.delegate });
  const page = await browser.open();
  await signIn(page, url, roles.frontend2, '#/holds?status=ACTIVE');
  await line(page, 'G1').waitFor();
  expect(await line(page, 'G2').count()).toBe(0);
  await page.getByRole('button', { name: 'Release: Room G1' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Release' }).click();
  await line(page, 'G1').waitFor({ state: 'hidden' });
});

test('more holds are loaded when they are asked for', async () => {
  const room = await newRoom('H1');
  for (let count = 0; count < 51; count += 1) {
    const { hold_id } = await placeHold(server, [room.room_id], { token: roles.delegate, reference: 'many' });
    await server.call('DELETE', `/rooms/hold/${hold_id}`, { token: roles.delegate });
  }
  const page = await browser.open();
  await signIn(page, url, roles.admin, '#/holds?reference=many');
  await line(page, 'H1').first().waitFor();
  expect(await line(page, 'H1').count()).toBe(50);
  await page.getByRole('button', { name: 'Load more holds' }).click();
  await page.getByText('These are all 51 holds').waitFor();
  expect(await line(page, 'H1').count()).toBe(51);
});
