/** Owns the tokens that Holdfast signs itself: for development, and for operators who share its secret. */
import { createSigner } from 'fast-jwt';

/** Who a token is for, what it allows, and for how long from now. */
export type TokenRequest = Readonly<{
  secret: string;
  sub: string;
  scopes: readonly string[];
  ttlSeconds: number;
  issuer?: string | undefined;
  audience?: string | undefined;
}>;

/** An HS256 token as the server accepts it; `iss` and `aud` are in it when they are given. */
export function signToken({ secret, sub, scopes, ttlSeconds, issuer, audience }: TokenRequest): string {
  const sign = createSigner({
    algorithm: 'HS256',
    key: secret,
    expiresIn: ttlSeconds * 1000,
    ...(issuer === undefined ? {} : { iss: issuer }),
    ...(audience === undefined ? {} : { aud: audience }),
  });
  return sign({ sub, scopes: [...scopes] });
}
