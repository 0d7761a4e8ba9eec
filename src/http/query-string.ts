/** Owns how a query string is read: strictly as percent-encoded UTF-8, repeated names as arrays. */

/** What a query string says: a name given twice has an array of values. */
export type QueryValues = Record<string, string | string[]>;

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

/**
 * Reads a query string. It never throws, because the router calls it where no error handler runs: a bad one
 * is empty and is told by `isMalformedQuery`, so that the answer 400 comes in its turn, after 401 and 403.
 */
export function parseQueryString(text: string): QueryValues {
  const values: QueryValues = Object.create(null);
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
