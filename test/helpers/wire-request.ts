/** Owns requests as they go over the wire: what a test wants sent, as bytes, and as a curl call for whoever repeats it. */
import { exchange, type RawAnswer } from './raw-http.ts';

/** A header as it is written; one name may come twice. */
export type HeaderLine = readonly [name: string, value: string];

/** A request, well-formed or not. What it does not say itself is added: Host, Connection, Content-Length. */
export type WireRequest = Readonly<{
  method: string;
  /** The request target as it is sent: nothing is encoded here. */
  target: string;
  headers?: readonly HeaderLine[];
  body?: string | Buffer | undefined;
}>;

function completed({ headers = [], body }: WireRequest): HeaderLine[] {
  const has = (...names: string[]) => headers.some(([name]) => names.includes(name.toLowerCase()));
  const lines = [...headers];
  if (!has('host')) lines.unshift(['Host', 'holdfast.test']);
  if (!has('connection')) lines.push(['Connection', 'close']);
  if (body !== undefined && !has('content-length', 'transfer-encoding')) {
    lines.push(['Content-Length', String(Buffer.byteLength(body))]);
  }
  return lines;
}

/** The bytes of a request; header lines go out as Latin-1, one byte per character. */
export function requestBytes(request: WireRequest): Buffer {
  const lines = completed(request).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${request.method} ${request.target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(request.body ?? '')]);
}

function quoted(text: string | Buffer): string {
  const bytes = Buffer.from(text);
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f))
    return `'${bytes.toString().replaceAll("'", `'\\''`)}'`;
  const escaped = [...bytes].map((byte) => {
    if (byte === 0x27 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte >= 0x20 && byte < 0x7f
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return `$'${escaped.join('')}'`;
}

/** The same request as a call of curl, in the words of bash; a body with NUL goes through printf. */
export function curlOf(request: WireRequest, origin: string): string {
  const { method, target, headers = [], body } = request;
  // Asked for the head only, curl takes no body; with one it waits for a body that does not come.
  const asked =
    method === 'HEAD'
      ? body === undefined
        ? ['--head']
        : ['-X', 'HEAD', '-m', '2']
      : ['-X', quoted(method)];
  const words = ['curl', '-i', '--path-as-is', ...asked];
  for (const [name, value] of headers) words.push('-H', quoted(Buffer.from(`${name}: ${value}`, 'latin1')));
  // curl would name a media type of its own.
  if (body !== undefined && !headers.some(([name]) => name.toLowerCase() === 'content-type')) {
    words.push('-H', "'Content-Type:'");
  }
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const hasNul = bytes?.includes(0) === true;
  if (bytes !== undefined) words.push('--data-binary', hasNul ? '@-' : quoted(bytes));
  words.push(quoted(`${origin}${target}`));
  const octal = (byte: number) => `\\${byte.toString(8).padStart(3, '0')}`;
  const printed = hasNul ? `printf '${[...(bytes ?? [])].map(octal).join('')}' | ` : '';
  return `${printed}${words.join(' ')}`;
}

/** The answers to a request, or to bytes that need not be one, on a connection of its own. */
export function sendRaw(port: number, request: WireRequest | string | Buffer): Promise<RawAnswer[]> {
  const isBytes = typeof request === 'string' || Buffer.isBuffer(request);
  return exchange(port, isBytes ? request : requestBytes(request));
}
