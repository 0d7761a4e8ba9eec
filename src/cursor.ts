/** Owns the cursors of lists: a place in one filter and sort, opaque to clients. */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { Problem } from './problems.ts';

/** Tells the place behind a row with this key in the list that `list` (its path, filter and sort) describes. */
export function encodeCursor(list: string, key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([fingerprint(list), ...key])).toString('base64url');
}

/** The key that `cursor` tells; throws `cursor-invalid` unless it belongs to `list` and its key fits `keySchema`. */
export function decodeCursor<Key extends z.ZodType>(
  list: string,
  cursor: string,
  keySchema: Key,
): z.output<Key> {
  const [mark, ...key] = parse(cursor);
  const parsed = keySchema.safeParse(key);
  if (mark !== fingerprint(list) || !parsed.success) {
    throw new Problem('cursor-invalid', 'Use `next_cursor` with the filter and sort that it came from.');
  }
  return parsed.data;
}

function fingerprint(list: string): string {
  return createHash('sha256').update(list).digest('base64url').slice(0, 8);
}

function parse(cursor: string): unknown[] {
  try {
    const bytes = Buffer.from(cursor, 'base64url');
    // The decoder passes over what is no base64: only what we would write is read.
    if (bytes.toString('base64url') !== cursor) return [];
    const parsed: unknown = JSON.parse(bytes.toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
