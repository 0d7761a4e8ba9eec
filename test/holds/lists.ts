/** Owns lists of holds as the tests read them, page by page. */
import type { z } from 'zod';
import { holdPageSchema } from '../../src/holds/schemas.ts';
import type { TestApp } from '../helpers/app.ts';
import { bodyAs, type Hold } from '../helpers/property.ts';
import { tokenFor } from '../helpers/tokens.ts';
import { makeHold } from './verbs.ts';

let subsCount = 0;

/** A booking frontend of this test alone: nobody else's holds are in its lists. */
export function newFrontend(): { sub: string; token: string } {
  subsCount += 1;
  const sub = `frontend of test ${subsCount}`;
  return { sub, token: tokenFor(sub, 'ROOM_HOLD:WRITE') };
}

type Page = z.infer<typeof holdPageSchema>;
const queryOf = (query: Record<string, string | number>) =>
  new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
export const ask = (server: TestApp, token: string, query: Record<string, string | number> = {}) =>
  server.call('GET', `/rooms/hold?${queryOf(query)}`, { token });
export const list = async (
  server: TestApp,
  token: string,
  query: Record<string, string | number> = {},
): Promise<Page> => bodyAs(holdPageSchema, await ask(server, token, query));
export const idsOf = (holds: readonly Hold[]) => holds.map(({ hold_id }) => hold_id);
export const listIds = async (server: TestApp, token: string, query: Record<string, string | number> = {}) =>
  idsOf((await list(server, token, query)).holds);

/** All pages, one after the other. */
export async function pages(
  server: TestApp,
  token: string,
  query: Record<string, string | number>,
): Promise<Hold[][]> {
  const found: Hold[][] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await list(server, token, cursor === null ? query : { ...query, cursor });
    found.push(page.holds);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

/** So many holds of this frontend's, oldest first. */
export async function placeHolds(
  server: TestApp,
  token: string,
  count: number,
  fields: Record<string, unknown> = {},
) {
  const holds: Hold[] = [];
  for (let n = 0; n < count; n += 1) holds.push((await makeHold(server, 1, { token, ...fields })).hold);
  return holds;
}
