/** Owns what the made-up requests meet: a server with a small property, made anew for each sequence, and what each answer must be. */
import { expect } from 'vitest';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { expireHold } from '../helpers/property.ts';
import type { RawAnswer } from '../helpers/raw-http.ts';
import { openWire } from '../helpers/wire-app.ts';
import type { WireRequest } from '../helpers/wire-request.ts';
import { expectAuditExplainsTables } from '../races/audit-replay.ts';
import { type Document, holdIdOf, requestOf, type Seen, type Step } from './requests.ts';

/** What a run did, over all its sequences. */
export type Tally = {
  calls: number;
  sequences: number;
  slowest: { ms: number; name: string };
  /** How many answers there were, by operation and by status and code. */
  answers: Map<string, Map<string, number>>;
};

/** A server for made-up requests. */
export type Fuzzed = Readonly<{
  document: Document;
  tally: Tally;
  /** What was sent since the property was made anew, the marks filled in: enough to do it again by hand. */
  sent: WireRequest[];
  /** Sends the steps one after the other to a property made anew. Throws at the first answer, or state, that must not be. */
  run(steps: readonly Step[]): Promise<void>;
  close(): Promise<void>;
}>;

const roomsSql = `
  ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
  TRUNCATE room_type, room, hold, hold_room, idempotency_key, audit_log RESTART IDENTITY;
  ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only;
  SELECT room_type_create('[{"name":"A","actor":"admin"},{"name":"Z","actor":"admin"},{"name":"spare","actor":"admin"}]');
  SELECT room_create(jsonb_agg(jsonb_build_object('room_no', (100 + n)::text, 'room_type_id', 1 + n % 2, 'floor', '1', 'actor', 'admin')))
    FROM generate_series(1, 8) n;
  SELECT room_freeze('[{"room_id":8,"freeze_reason":"CLEANING","actor":"admin"}]');
  SELECT hold_place('[{"room_ids":[1,2],"ttl_seconds":900,"created_by":"frontend","holder":"frontend"}]')`;

const freshSeen = (holdId: string): Seen => ({
  room: ['1', '2', '3', '4', '5', '6', '7', '8'],
  roomType: ['1', '2', '3'],
  hold: [holdId],
  cursor: ['W10'],
  etag: ['"none"'],
  sub: ['frontend', 'frontend2', 'admin', 'delegate', 'a guest', 'system'],
});

/** Newest first; the oldest are forgotten. */
function remember(pool: string[], value: unknown): void {
  const text = String(value);
  if (!pool.includes(text)) pool.unshift(text);
  if (pool.length > 10) pool.pop();
}

function learn(seen: Seen, answer: RawAnswer, body: unknown): void {
  if (answer.headers.etag !== undefined) remember(seen.etag, answer.headers.etag);
  if (typeof body !== 'object' || body === null || answer.status >= 400) return;
  if ('hold_id' in body && 'created_by' in body) remember(seen.hold, body.hold_id);
  if ('room_no' in body && 'room_id' in body) remember(seen.room, body.room_id);
  if ('name' in body && 'room_type_id' in body) remember(seen.roomType, body.room_type_id);
  if ('next_cursor' in body && typeof body.next_cursor === 'string') remember(seen.cursor, body.next_cursor);
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isWellFormed(inner));
}

/** Words that stand in no answer: they are of what is inside. */
const inside = /prisma|postgres|sqlstate|node_modules|at \w+ \(|relation "|stack/i;

/** Everything an answer must be, beside what the document says of it. */
function expectAnswer(answers: readonly RawAnswer[], target: string, ms: number, msMax: number): RawAnswer {
  const [answer, ...more] = answers.filter(({ status }) => status !== 100);
  if (answer === undefined || more.length > 0) throw new Error(`${answers.length} answers`);
  const { status, body } = answer;
  if (status >= 500) throw new Error(`${status}: ${body}`);
  if (ms > msMax) throw new Error(`answered ${status} after ${Math.round(ms)} ms`);
  const isProblem = status >= 400 && body !== '';
  if (isProblem && inside.test(body.replaceAll(JSON.stringify(target).slice(1, -1), ''))) {
    // The caller's own words may come back in `instance` and in `errors`.
    const { instance: _, errors: __, detail, title } = JSON.parse(body);
    if (inside.test(`${title} ${status === 404 ? '' : detail}`))
      throw new Error(`tells of what is inside: ${body}`);
  }
  return answer;
}

function count(tally: Tally, name: string, status: number, body: unknown): void {
  const code = typeof body === 'object' && body !== null && 'code' in body ? ` ${body.code}` : '';
  const ofName = tally.answers.get(name) ?? new Map<string, number>();
  ofName.set(`${status}${code}`, (ofName.get(`${status}${code}`) ?? 0) + 1);
  tally.answers.set(name, ofName);
}

async function expectRefusedWroteNothing(server: TestApp, refusedIds: readonly string[]): Promise<void> {
  const rows = await server.database.query(
    `SELECT request_id, action, entity_id FROM audit_log WHERE request_id = ANY ($1)`,
    [refusedIds],
  );
  expect(rows, 'a request that was refused changed something').toEqual([]);
}

/** Starts a server for made-up requests; no answer may take longer than `answerMsMax`. */
export async function openFuzzed(answerMsMax: number): Promise<Fuzzed> {
  const server = await startTestApp({ env: { HOLDS_ACTIVE_MAX: '6' } });
  const { app, database, platform } = server;
  const wire = await openWire(server);
  const document: Document = (await app.inject('/openapi.json')).json();
  const tally: Tally = { calls: 0, sequences: 0, slowest: { ms: 0, name: '' }, answers: new Map() };
  const sent: WireRequest[] = [];

  async function begin(): Promise<Seen> {
    await database.query(roomsSql);
    platform.cache.changed();
    platform.cache.hold.dropAll();
    sent.length = 0;
    const [hold] = await database.query<{ hold_id: string }>('SELECT hold_id FROM hold');
    return freshSeen(hold?.hold_id ?? '');
  }

  async function send(
    name: string,
    request: WireRequest,
    seen: Seen,
  ): Promise<{ status: number; requestId: string }> {
    sent.push(request);
    const startedAtMs = performance.now();
    const answers = await wire.send(request);
    let ms = performance.now() - startedAtMs;
    tally.calls += 1;
    // A machine that was busy elsewhere is not slow three times in a row at the same thing.
    for (let tries = 1; tries < 3 && ms > answerMsMax; tries += 1) {
      const againAtMs = performance.now();
      await wire.send(request);
      ms = Math.min(ms, performance.now() - againAtMs);
    }
    if (ms > tally.slowest.ms) tally.slowest = { ms, name };
    const answer = expectAnswer(answers, request.target, ms, answerMsMax);
    const body: unknown = wire.judged(request, answer).body;
    count(tally, name, answer.status, body);
    if (!isWellFormed(body)) throw new Error(`half a sign in ${answer.body}`);
    learn(seen, answer, body);
    return { status: answer.status, requestId: answer.headers['x-request-id'] ?? '' };
  }

  async function run(steps: readonly Step[]): Promise<void> {
    const seen = await begin();
    tally.sequences += 1;
    const moved = { holdIds: new Set<string>(), freezeRoomIds: new Set<number>() };
    const refusedIds: string[] = [];
    for (const step of steps) {
      if ('expires' in step) {
        const holdId = holdIdOf(step.expires, seen);
        const [active] = await database.query(
          `SELECT FROM hold WHERE hold_id = $1 AND status = 'ACTIVE' AND expires_at > clock()`,
          [holdId],
        );
        if (active === undefined) continue;
        moved.holdIds.add(holdId);
        await expireHold(server, holdId);
        continue;
      }
      const { status, requestId } = await send(step.name, requestOf(step.request, seen), seen);
      if (status >= 400) refusedIds.push(requestId);
    }
    await expectRefusedWroteNothing(server, refusedIds);
    await expectAuditExplainsTables({
      database,
      moved,
      sweep: () => database.query('SELECT sweep(1000000)'),
    });
  }

  return { document, tally, sent, run, close: () => server.close() };
}
