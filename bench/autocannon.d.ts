/** Owns what the bench knows of autocannon, which brings no types of its own. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  type Request = {
    method?: string;
    path?: string;
    headers?: Record<string, string>;
    body?: string;
    setupRequest?: (request: Request, context: Record<string, unknown>) => Request | null;
    onResponse?: (status: number, body: string, context: Record<string, unknown>) => void;
  };

  type Options = {
    url: string;
    connections: number;
    /** Seconds. */
    duration: number;
    /** Seconds; later an answer counts as a timeout. */
    timeout: number;
    headers: Record<string, string>;
    requests: Request[];
  };

  type Result = { errors: number; timeouts: number };

  /** Resolves at the end; emits `response` (client, status, bytes, milliseconds) meanwhile. */
  export default function autocannon(options: Options): Promise<Result> & EventEmitter;
}
