/** Owns how a query string is read: strictly as percent-encoded UTF-8, repeated names as arrays. */
import { LRUCache } from 'lru-cache';

/** What a query string says: a name given twice has an array of values. */
export type QueryValues = Readonly<Record<string, string | readonly string[]>>;

/** Query strings that are remembered: lists are asked for in the same few words again and again. */
const rememberedMax = 1_000;
/** A longer one is not: all of them together stay small. */
const rememberedLength = 256;

const remembered = new LRUCache<string, QueryValues>({ max: rememberedMax });

const malformedQueries = new WeakSet<object>();

/** Tells whether `query` came from a string that was not percent-encoded UTF-8 free of NUL. */
export function isMalformedQuery(query: unknown): boolean {
  return typeof query === 'object' && query !== null && malformedQueries.has(query);
}

function decode(part: string): string {
  const decoded = decodeURIComponent(part.replaceAll('+', ' '));
  if (decoded.includes('\0')) throw new URIError('NUL');
  return decoded;
}

/** Reads a query string as `readQueryString` does; for the same string mostly the same object. */
export function parseQueryString(text: string): QueryValues {
  if (text.length > rememberedLength) return readQueryString(text);
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const values = readQueryString(text);
  remembered.set(text, values);
  return values;
}

/**
 * Reads a query string. It never throws, because the router calls it where no error handler runs: a bad one
 * is empty and is told by `isMalformedQuery`, so that the answer 400 comes in its turn, after 401 and 403.
 */
function readQueryString(text: string): QueryValues {
  const values: Record<string, string | string[]> = Object.create(null);
  if (text === '') return values;
  try {
    for (const pair of text.split('&')) {
      if (pair === '') continue;
      const equalsAt = pair.indexOf('=');
      const name = decode(equalsAt === -1 ? pair : pair.slice(0, equalsAt));
      const value = equalsAt === -1 ? '' : decode(pair.slice(equalsAt + 1));
      const before = values[name];
      if (before === undefined) values[name] = value;
      else if (Array.isArray(before)) before.push(value);
      else values[name] = [before, value];
    }
    return values;
  } catch {
    const malformed: QueryValues = Object.create(null);
    malformedQueries.add(malformed);
    return malformed;
  }
}
