/** Owns the types of the part of oidc-provider that the tests use; the package brings none. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  /** An OpenID provider; `configuration` is as its documentation says. */
  export default class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    /** What answers its requests. */
    callback(): RequestListener;
  }
}
