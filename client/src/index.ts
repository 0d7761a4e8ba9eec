/** Owns the typed client: fetch, with the paths, bodies, answers and problems of the OpenAPI document as types. */
import createClient, { type Client, type ClientOptions } from 'openapi-fetch';
import type { components, paths } from './schema.js';

export type { components, operations, paths } from './schema.js';

type Schemas = components['schemas'];

/** A room, a hold and so on, as answers carry them. */
export type Room = Schemas['Room'];
export type RoomType = Schemas['RoomType'];
export type RoomSummary = Schemas['RoomSummary'];
export type Hold = Schemas['Hold'];
export type AuditEntry = Schemas['AuditEntry'];

/** Every problem that a call may answer: `code` tells which, and with it which facts stand beside it. */
export type HoldfastProblem = Schemas[Exclude<Extract<keyof Schemas, `${string}Problem`>, 'Problem'>];

/** The stable name of a problem. */
export type HoldfastProblemCode = HoldfastProblem['code'];

/** Where the server is, and the token; a function is asked before each call, for tokens that are renewed. */
export type HoldfastClientOptions = ClientOptions & {
  baseUrl: string;
  token: string | (() => string | Promise<string>);
};

/** `GET`, `POST`, `PATCH` and `DELETE` with the paths that take them. */
export type HoldfastClient = Client<paths>;

/**
 * A client of the server at `baseUrl`. Its calls answer `{ data, response }`, or `{ error, response }` with the problem;
 * they reject only when there was no answer at all. What stands between it and the server (a proxy, say) may answer
 * errors of its own that are no problems: `response.headers` tell them apart.
 */
export function createHoldfastClient({ token, ...options }: HoldfastClientOptions): HoldfastClient {
  const client = createClient<paths>(options);
  client.use({
    onRequest: async ({ request }) => {
      request.headers.set('authorization', `Bearer ${typeof token === 'function' ? await token() : token}`);
      return request;
    },
  });
  return client;
}
