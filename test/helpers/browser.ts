/** Owns the browser of a test file: a real Chromium without a window, in which each test opens pages of its own. */
import { AxeBuilder } from '@axe-core/playwright';
import { type BrowserContextOptions, type ConsoleMessage, chromium, type Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import type { TestApp } from './app.ts';
import { findChromium } from './chromium-install.ts';

/** A browser for one test file. */
export type TestBrowser = Readonly<{
  /** A page that has never been here, with nothing kept from another; it is closed at the end of the test. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** Call it in `afterAll`, before the server closes: open streams keep a server busy. */
  close(): Promise<void>;
}>;

/** The sizes and looks that every view is judged in. */
export const looks = [1440, 390].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({
    viewport: { width, height: width === 390 ? 844 : 900 },
    colorScheme,
  })),
);

/** A closed network answers nothing: the browser must not ask for anything but our pages. */
const quietFlags = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
];

/** Chromium writes a line for every answer of 400 and more: those of the API are the contract's, not faults. */
const isAnswerOfApi = (message: ConsoleMessage): boolean =>
  message.text().startsWith('Failed to load resource') &&
  !/\/console\/(?!sign-in$)/.test(message.location().url);

/** What a page complains of, as it comes: errors and warnings in its console, and what nobody caught. */
const complaintsOf = (page: Page): string[] => {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type()) || isAnswerOfApi(message)) return;
    complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  return complaints;
};

/** Starts a browser. A page that complains fails its test. */
export async function startBrowser(): Promise<TestBrowser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium on the PATH');
  // Chromium's sandbox refuses to run as root, as which containers run.
  const chromiumSandbox = process.getuid?.() !== 0;
  const browser = await chromium.launch({ executablePath, chromiumSandbox, args: quietFlags });
  return {
    open: async (options = {}) => {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
      context.setDefaultTimeout(20_000);
      const page = await context.newPage();
      const complaints = complaintsOf(page);
      onTestFinished(async () => {
        await context.close();
        expect(complaints).toEqual([]);
      });
      return page;
    },
    close: () => browser.close(),
  };
}

/** Lets a server listen on a free port of the loopback, or on one that another has left; its URL. */
export function listen({ app }: Pick<TestApp, 'app'>, port = 0): Promise<string> {
  return app.listen({ host: '127.0.0.1', port });
}

/** Opens the console at `place` (such as `#/holds`), with a token pasted into the form. */
export async function signIn(page: Page, url: string, token: string, place = ''): Promise<void> {
  await page.goto(`${url}/console/${place}`);
  await page.getByLabel('Access token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').waitFor();
}

/** What axe finds wrong with the page as it is now: each rule with where it is broken. */
export async function axeViolations(page: Page): Promise<string[]> {
  // The other mode judges each frame apart, in a page of its own; there are no frames.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
  );
}
