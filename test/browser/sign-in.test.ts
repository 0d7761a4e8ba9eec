import { afterAll, beforeAll, expect, test } from 'vitest';
import { roles, startTestApp, type TestApp } from '../helpers/app.ts';
import { listen, signIn, startBrowser, type TestBrowser } from '../helpers/browser.ts';
import { makeRoom } from '../helpers/property.ts';
import { goodClaims, hmacToken, inSeconds } from '../helpers/tokens.ts';

let server: TestApp;
let browser: TestBrowser;
let url: string;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestApp(), startBrowser()]);
  await makeRoom(server, { room_no: '101' });
  url = await listen(server);
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

test('a pasted token signs in; it is kept in this tab only, and over a reload', async () => {
  const page = await browser.open();
  await signIn(page, url, roles.admin);
  await page.getByRole('option', { name: '101' }).waitFor();
  await page.reload();
  await page.getByRole('option', { name: '101' }).waitFor();
  const kept = await page.evaluate(
    '[Object.values(sessionStorage), JSON.stringify(localStorage), document.cookie]',
  );
  expect(kept).toEqual([[roles.admin], '{}', '']);
  const beside = await page.context().newPage();
  await beside.goto(`${url}/console/`);
  await beside.getByLabel('Access token').waitFor();
});

test('signing out forgets the token', async () => {
  const page = await browser.open();
  await signIn(page, url, roles.admin);
  await page.getByRole('button', { name: 'Signed in as admin' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByLabel('Access token').waitFor();
  expect(await page.evaluate('sessionStorage.length')).toBe(0);
});

test.each([
  ['what is no token', 'hello', 'This is not a token'],
  [
    'a token of another server',
    hmacToken(goodClaims({ scopes: ['ROOM_MANAGEMENT:READ'] }), 'x'.repeat(32)),
    'refuses this token',
  ],
  ['a token that allows nothing', roles.nobody, 'allows nothing that the console shows'],
])('%s is told apart and keeps the page', async (_, token, words) => {
  const page = await browser.open();
  await page.goto(`${url}/console/`);
  await page.getByLabel('Access token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText(words).waitFor();
  await page.getByLabel('Access token').and(page.locator(':focus')).waitFor();
});

test('a token that expires leads to signing in again, and from there back to the same place', async () => {
  const page = await browser.open();
  const claims = { sub: 'ana', scopes: ['ROOM_MANAGEMENT:READ'] };
  // The server allows 2 s beyond the end.
  await signIn(
    page,
    url,
    hmacToken(goodClaims({ ...claims, exp: inSeconds(2) })),
    '#/holds?holder=nobody-yet',
  );
  await page.getByText('No holds match').waitFor();
  await page.getByText('Your token has expired').waitFor();
  expect(new URL(page.url()).hash).toBe('#/holds?holder=nobody-yet');
  await page.getByLabel('Access token').fill(hmacToken(goodClaims(claims)));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('No holds match').waitFor();
  expect(await page.getByRole('searchbox', { name: 'Holder' }).inputValue()).toBe('nobody-yet');
});

test('the one-time link signs in, once, and leaves the address', async () => {
  const own = await startTestApp({ env: { JWT_SECRET: '' }, database: server.database });
  const link = `${await listen(own)}/console/#code=${own.platform.signInCodes?.issue()}`;
  try {
    const page = await browser.open();
    await page.goto(link);
    await page.getByRole('button', { name: 'Signed in as admin' }).waitFor();
    await page.getByRole('option', { name: '101' }).waitFor();
    expect(page.url()).not.toContain('code=');
    const late = await browser.open();
    await late.goto(link);
    await late.getByText('This link has been used, or is too old').waitFor();
    await page.context().close();
    await late.context().close();
  } finally {
    await own.close();
  }
});

test('what a token may not do is not offered', async () => {
  const page = await browser.open();
  await signIn(page, url, roles.frontend);
  await page.getByRole('option', { name: '101' }).click();
  await page.getByRole('heading', { name: 'Room 101' }).waitFor();
  expect(await page.getByRole('button', { name: 'Freeze', exact: true }).count()).toBe(0);
  expect(await page.getByRole('navigation', { name: 'Views' }).getByRole('link').allTextContents()).toEqual([
    ' Board',
    ' Holds',
  ]);
  await page.getByRole('link', { name: 'Holds' }).click();
  await page.getByRole('button', { name: 'Place a hold' }).click();
  expect(await page.getByLabel('For whom').count()).toBe(0);
  const reader = await browser.open();
  await signIn(reader, url, roles.operations, '#/holds');
  await reader.getByText('No holds yet').waitFor();
  expect(await reader.getByRole('button', { name: 'Place a hold' }).count()).toBe(0);
});
