/** Owns the proof that the documentation pages are whole: served without a token, from here only, every link good. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { problems } from '../../src/problems.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

let server: TestApp;
beforeAll(async () => {
  server = await startTestApp();
});
afterAll(() => server.close());

const pages = ['/docs', '/docs/problems'];

/** Everything that the page at `path` names, as absolute paths or foreign URLs. */
const linksOf = (path: string, html: string): string[] =>
  [...html.matchAll(/(?:href|src)="([^"]+)"/g)]
    .map((found) => new URL(found[1] ?? '', `http://here${path}`).href.replace('http://here', ''))
    .filter((link) => !link.startsWith('data:'));

test.each(pages)('%s is a page, without a token', async (path) => {
  const answer = await server.call('GET', path);
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  expect(answer.text).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect((await server.call('HEAD', path)).status).toBe(200);
  expect((await server.call('POST', path)).status).toBe(405);
});

test.each(pages)('whatever %s names is served here', async (path) => {
  const links = linksOf(path, (await server.call('GET', path)).text);
  expect(links.length).toBeGreaterThan(3);
  for (const link of new Set(links.map((one) => one.replace(/#.*$/, '')))) {
    expect((await server.app.inject(link)).statusCode, link).toBe(200);
  }
});

test.each(pages)(
  '%s may load and call nothing but this server, and run no script of its own',
  async (path) => {
    const { headers, text } = await server.call('GET', path);
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; /);
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
  },
);

test('the files of the pages say what they are, and other files of the package are not served', async () => {
  const typeOf = async (file: string) => {
    const { statusCode, headers } = await server.app.inject(`/docs/assets/${file}`);
    return [statusCode, String(headers['content-type']).split(';')[0]];
  };
  expect(await typeOf('page.css')).toEqual([200, 'text/css']);
  expect(await typeOf('swagger-ui.css')).toEqual([200, 'text/css']);
  for (const file of ['start.js', 'swagger-ui-bundle.js']) {
    expect(await typeOf(file), file).toEqual([
      200,
      expect.stringMatching(/^(text|application)\/javascript$/),
    ]);
  }
  for (const file of ['oauth2-redirect.html', 'index.html', '..%2fpackage.json', 'none.js']) {
    expect(await typeOf(file), file).toEqual([404, 'application/problem+json']);
  }
});

test('a file that a browser has is not sent again', async () => {
  const first = await server.app.inject('/docs/assets/swagger-ui-bundle.js');
  const again = await server.app.inject({
    url: '/docs/assets/swagger-ui-bundle.js',
    headers: { 'if-none-match': String(first.headers.etag) },
  });
  expect([first.statusCode, first.headers['cache-control'], again.statusCode]).toEqual([
    200,
    'no-cache',
    304,
  ]);
});

test('/docs/problems has a section for every code, with its status, when it comes and what to do', async () => {
  const { text } = await server.call('GET', '/docs/problems');
  const sections = text.split('<h2 ').slice(1);
  expect(sections.map((section) => /^id="([^"]+)"/.exec(section)?.[1])).toEqual(Object.keys(problems));
  for (const [index, { status, title }] of Object.values(problems).entries()) {
    expect(sections[index]).toContain(`<strong>${status}</strong> ${title}.`);
    expect(sections[index]).toMatch(/<p>When: /);
    expect(sections[index]).toMatch(/<p>What to do: /);
  }
});

test.each(['', 'https://api.example.org/holdfast/'])(
  'the type of a problem leads to its section, under PUBLIC_URL=%s',
  async (publicUrl) => {
    const other = await startTestApp({ env: { PUBLIC_URL: publicUrl }, database: server.database });
    onTestFinished(other.close);
    const { body } = await other.call('GET', '/rooms');
    const target = new URL(body.type, 'http://here');
    const prefix = publicUrl === '' ? '' : '/holdfast';
    expect(target.pathname).toBe(`${prefix}/docs/problems`);
    const page = await other.call('GET', target.pathname.slice(prefix.length));
    expect(page.text).toContain(`<h2 id="${target.hash.slice(1)}">`);
  },
);
