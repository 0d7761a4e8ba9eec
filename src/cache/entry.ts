/** Owns the form of a cached value in Redis: what it carries and how a damaged one is recognised. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Bytes that are ready to be sent; `etag` is strong and has its quotes. */
export type ReadyBody = Readonly<{ body: Buffer; etag: string; headers: Readonly<Record<string, string>> }>;

/** A cached value and the instant of Redis' clock (milliseconds) when it ends. */
export type Entry = Readonly<{ ready: ReadyBody; endsAtServerMs: number }>;

const factsSchema = z.strictObject({
  endsAtServerMs: z.number(),
  etag: z.string(),
  headers: z.record(z.string(), z.string()),
});

/** Another form gets another version, so that two releases on one Redis take each other's values for damaged ones. */
const versionBytes = Buffer.from('hf1\n');
const digestByteCount = 32;
const lengthByteCount = 4;
const factsOffset = versionBytes.length + digestByteCount + lengthByteCount;

/** The strong ETag (quotes included) of exactly these bytes. */
export function strongEtag(body: Buffer | string): string {
  // 128 bits are far beyond an accidental match, and the header stays short.
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
}

/** The body with its ETag. */
export function readyBody(body: string, headers: Record<string, string>): ReadyBody {
  const bytes = Buffer.from(body);
  return { body: bytes, etag: strongEtag(bytes), headers };
}

/** The key is part of the digest: a value copied from another key must not be taken for this one's. */
function digestOf(key: string, content: Buffer): Buffer {
  return createHash('sha256')
    .update(`${Buffer.byteLength(key)}:${key}`)
    .update(content)
    .digest();
}

/** The bytes to store under this key. */
export function encodeEntry(key: string, entry: Entry): Buffer {
  const { body, etag, headers } = entry.ready;
  const facts: z.infer<typeof factsSchema> = { endsAtServerMs: entry.endsAtServerMs, etag, headers };
  const factBytes = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(lengthByteCount);
  length.writeUInt32BE(factBytes.length);
  const content = Buffer.concat([length, factBytes, body]);
  return Buffer.concat([versionBytes, digestOf(key, content), content]);
}

/**
 * The entry that was stored under this key, or undefined when the bytes are not exactly what was stored.
 * It finds damage, not forgery: whoever may write to Redis may write entries.
 */
export function decodeEntry(key: string, bytes: Buffer): Entry | undefined {
  if (bytes.length < factsOffset || !bytes.subarray(0, versionBytes.length).equals(versionBytes))
    return undefined;
  const content = bytes.subarray(versionBytes.length + digestByteCount);
  const digest = bytes.subarray(versionBytes.length, versionBytes.length + digestByteCount);
  if (!digest.equals(digestOf(key, content))) return undefined;
  const bodyOffset = factsOffset + content.readUInt32BE(0);
  if (bodyOffset > bytes.length) return undefined;
  const facts = factsSchema.parse(JSON.parse(bytes.toString('utf8', factsOffset, bodyOffset)));
  const { endsAtServerMs, ...rest } = facts;
  return { ready: { ...rest, body: bytes.subarray(bodyOffset) }, endsAtServerMs };
}
