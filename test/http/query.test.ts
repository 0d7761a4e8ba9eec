import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { idParam, instant, oneOrMany, queryBoolean } from '../../src/wire-schemas.ts';
import { startBareApp } from './bare.ts';

async function get(url: string) {
  const { app } = await startBareApp();
  const answer = await app.inject({ method: 'GET', url });
  return { status: answer.statusCode, body: answer.json() };
}

describe('a query', () => {
  test('has its defaults, and is decoded as UTF-8 with + for a space', async () => {
    expect(await get('/things')).toEqual({ status: 200, body: { limit: 50 } });
    expect(await get('/things?limit=200&q=%F0%9F%98%80+%2B')).toEqual({
      status: 200,
      body: { limit: 200, q: '😀 +' },
    });
    expect(await get('/things?')).toMatchObject({ status: 200 });
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=', 'limit'],
    ['limit=1e1', 'limit'],
    ['limit=0x10', 'limit'],
    ['limit=+5', 'limit'],
    ['limit=05', 'limit'],
    ['limit=5.0', 'limit'],
    ['limit', 'limit'],
    ['limit=5&limit=5', 'limit'],
    ['q=', 'q'],
    ['unknown=1', 'unknown'],
    ['LIMIT=1', 'LIMIT'],
    ['limit[]=1', 'limit[]'],
    ['=1', ''],
    ['q=%zz', ''],
    ['q=%ff', ''],
    ['q=%ed%a0%80', ''],
    ['q=%', ''],
    ['q=a%00', ''],
    ['%ff=1', ''],
    ['__proto__=1', '__proto__'],
    ['constructor=1', 'constructor'],
  ])('400 request-invalid for ?%s', async (query, path) => {
    expect(await get(`/things?${query}`)).toMatchObject({
      status: 400,
      body: { code: 'request-invalid', errors: [{ path }], instance: '/things' },
    });
  });

  test('400 on a route that declares no parameter', async () => {
    expect(await get('/things/summary?x=1')).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'x' }] },
    });
    expect(await get('/openapi.json?x=1')).toMatchObject({ status: 400 });
  });

  test('is judged after the token', async () => {
    expect(await get('/things/5?x=%ff')).toMatchObject({ status: 401 });
  });
});

describe('wire schemas', () => {
  test('oneOrMany is an array of one, many or none', () => {
    const schema = z.strictObject({ id: oneOrMany(idParam).optional() });
    expect(schema.parse({ id: '1' })).toEqual({ id: [1] });
    expect(schema.parse({ id: ['1', '2'] })).toEqual({ id: [1, 2] });
    expect(schema.parse({})).toEqual({});
  });

  test('queryBoolean takes true and false only', () => {
    expect([queryBoolean.parse('true'), queryBoolean.parse('false')]).toEqual([true, false]);
    for (const text of ['TRUE', '1', '', 'yes']) expect(queryBoolean.safeParse(text).success).toBe(false);
  });

  test('instant is RFC 3339 with a zone, in UTC and milliseconds', () => {
    expect(instant.parse('2026-11-22T17:05:56.3839Z')).toBe('2026-11-22T17:05:56.383Z');
    expect(instant.parse('2026-11-22T17:05:56+02:00')).toBe('2026-11-22T15:05:56.000Z');
    for (const text of [
      '2026-11-22',
      '2026-11-22T17:05:56',
      '2026-02-30T00:00:00Z',
      '0000-06-01T00:00:00Z',
      'now',
      '',
    ]) {
      expect([text, instant.safeParse(text).success]).toEqual([text, false]);
    }
    expect(instant.safeParse('9999-12-31T23:59:59-23:00').success).toBe(false);
  });
});
