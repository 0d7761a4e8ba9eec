/** Owns what a token says of itself; the server alone judges whether it is good. */

export type Permission =
  | 'ROOM_MANAGEMENT:READ'
  | 'ROOM_MANAGEMENT:WRITE'
  | 'ROOM_HOLD:WRITE'
  | 'ROOM_HOLD:DELEGATE';

const permissions: readonly Permission[] = [
  'ROOM_MANAGEMENT:READ',
  'ROOM_MANAGEMENT:WRITE',
  'ROOM_HOLD:WRITE',
  'ROOM_HOLD:DELEGATE',
];

/** Who a token speaks for. `permissions` holds what another one implies, too. */
export type Claims = { sub: string; permissions: ReadonlySet<Permission>; expiresAtMs: number | undefined };

const payloadOf = (token: string): Record<string, unknown> | undefined => {
  const part = token.split('.')[1];
  if (part === undefined) return undefined;
  try {
    const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    const text = new TextDecoder().decode(Uint8Array.from(binary, (unit) => unit.charCodeAt(0)));
    const payload: unknown = JSON.parse(text);
    return typeof payload === 'object' && payload !== null ? { ...payload } : undefined;
  } catch {
    return undefined;
  }
};

/** What the token claims, or undefined when it is none that a server could accept. */
export function claimsOf(token: string): Claims | undefined {
  const payload = payloadOf(token);
  if (typeof payload?.sub !== 'string' || payload.sub === '') return undefined;
  const listed = Array.isArray(payload.scopes) ? payload.scopes : [];
  const spaced = typeof payload.scope === 'string' ? payload.scope.split(' ') : [];
  const named = new Set<unknown>([...listed, ...spaced]);
  const isWriter = named.has('ROOM_MANAGEMENT:WRITE');
  return {
    sub: payload.sub,
    permissions: new Set(permissions.filter((permission) => isWriter || named.has(permission))),
    expiresAtMs: typeof payload.exp === 'number' ? payload.exp * 1000 : undefined,
  };
}

/** The token within what somebody pasted: without `Bearer`, a header's name, quotes or line breaks around it. */
export function tokenIn(pasted: string): string {
  const text = pasted.replaceAll(/\s+/g, ' ').trim();
  const found = /[\w-]+\.[\w-]+\.[\w-]+/.exec(text.replaceAll(' ', ''));
  const afterScheme = /bearer ([\w.-]+)/i.exec(text);
  return afterScheme?.[1] ?? found?.[0] ?? text;
}
