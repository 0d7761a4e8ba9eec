/** Owns what a verified token says: who calls, and what they may do. */
import { z } from 'zod';
import { text } from '../wire-schemas.ts';

/** What a token may allow, strongest first but for READ. */
export const permissions = [
  'ROOM_MANAGEMENT:READ',
  'ROOM_MANAGEMENT:WRITE',
  'ROOM_HOLD:WRITE',
  'ROOM_HOLD:DELEGATE',
] as const;

/** The name of a permission, as tokens carry it. */
export type Permission = (typeof permissions)[number];

/** Who calls. `expiresAt` is the token's own time, in Unix seconds. */
export type Caller = Readonly<{
  sub: string;
  /** What WRITE implies is already in. */
  permissions: ReadonlySet<Permission>;
  expiresAt: number;
  /** False for a token that itself names ROOM_HOLD:DELEGATE: it serves many customers. */
  isRateLimited: boolean;
}>;

/** Whom the audit names where the server acts by itself; no token may claim it. */
export const systemActor = 'system';

const claimsSchema = z.object({
  sub: text(1, 255).refine((sub) => sub !== systemActor, 'must not be system'),
  exp: z.number(),
  scopes: z.array(z.string()).optional(),
  scope: z.string().optional(),
});

/** The caller of verified claims, or undefined when a claim is missing or not of its form. */
export function callerOfClaims(claims: unknown): Caller | undefined {
  const parsed = claimsSchema.safeParse(claims);
  if (!parsed.success) return undefined;
  const { sub, exp, scopes = [], scope = '' } = parsed.data;
  const named = new Set([...scopes, ...scope.split(' ')]);
  const isWriter = named.has('ROOM_MANAGEMENT:WRITE');
  return {
    sub,
    permissions: new Set(permissions.filter((permission) => isWriter || named.has(permission))),
    expiresAt: exp,
    isRateLimited: !named.has('ROOM_HOLD:DELEGATE'),
  };
}
