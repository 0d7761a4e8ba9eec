/** Owns a test server that listens: requests go to it as bytes, and answers are held against the OpenAPI document. */
import type { TestApp } from './app.ts';
import { type Answer, openContract } from './contract.ts';
import { listen, type RawAnswer } from './raw-http.ts';
import { sendRaw, type WireRequest } from './wire-request.ts';

/** A server on a free port of this machine. */
export type Wire = Readonly<{
  port: number;
  /** What came back for a request, or for bytes that need not be one; not judged. */
  send(request: WireRequest | string | Buffer): Promise<RawAnswer[]>;
  /** The answer to a call of this method and target, as the document describes it; throws for any other. */
  judged(request: Pick<WireRequest, 'method' | 'target'>, answer: RawAnswer | undefined): Answer;
}>;

/** The answer with its JSON read. */
function readAnswer({ status, headers, body: text }: RawAnswer): Answer {
  const isJson = /^application\/(problem\+)?json/.test(headers['content-type'] ?? '');
  if (text === '') return { status, headers, text, body: undefined };
  return { status, headers, text, body: isJson ? JSON.parse(text) : text };
}

/** Lets the server listen; closing the server ends that. */
export async function openWire({ app }: Pick<TestApp, 'app'>): Promise<Wire> {
  const check = openContract((await app.inject('/openapi.json')).json());
  const port = await listen(app);
  return {
    port,
    send: (request) => sendRaw(port, request),
    judged: ({ method, target }, answer) => {
      if (answer === undefined) throw new Error(`no answer to ${method} ${target}`);
      const seen = readAnswer(answer);
      check(method, target, seen);
      return seen;
    },
  };
}
