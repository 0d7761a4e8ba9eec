/** Owns the list of mutants: bugs that a server like this one is likely to have at some time. */
import type { Mutant } from './mutant.ts';

/** Each is planted alone, and must be caught. */
export const mutants: readonly Mutant[] = [
  {
    name: 'no row lock',
    patches: [
      {
        kind: 'function',
        name: 'rooms_lock',
        search: 'PERFORM FROM room WHERE room_id = ANY (room_ids) ORDER BY room_id FOR NO KEY UPDATE;',
        replace: '',
      },
      {
        kind: 'function',
        name: 'hold_place',
        search: 'FOR NO KEY UPDATE) locked',
        replace: ') locked',
      },
      { kind: 'statement', sql: 'DROP INDEX hold_room_one_live_per_room' },
    ],
    faults: ['client storm', 'postgres frozen'],
  },
  {
    name: 'clock of the process',
    patches: [
      {
        kind: 'source',
        path: 'src/rooms/service.ts',
        search: 'return room.body;',
        replace: `const seen = JSON.parse(room.body);
      return seen.room_status === 'HELD' && Date.parse(seen.hold_expires_at) <= Date.now()
        ? JSON.stringify({ ...seen, room_status: 'AVAILABLE', hold_id: null, hold_expires_at: null })
        : room.body;`,
      },
    ],
    faults: ['clock an hour off'],
  },
  {
    name: 'unsorted locks',
    patches: [
      {
        kind: 'function',
        name: 'rooms_lock',
        search: 'WHERE room_id = ANY (room_ids) ORDER BY room_id FOR NO KEY UPDATE;',
        replace: 'WHERE room_id = ANY (room_ids) ORDER BY random() FOR NO KEY UPDATE;',
      },
    ],
    faults: ['client storm', 'clients leave'],
  },
  {
    name: 'key outside of the transaction',
    patches: [
      {
        kind: 'source',
        path: 'src/holds/service.ts',
        search: 'idempotency_key: key,',
        replace: 'idempotency_key: undefined,',
      },
      {
        kind: 'source',
        path: 'src/holds/service.ts',
        search: 'const askedAtMs = performance.now();\n      let placed',
        replace: `const askedAtMs = performance.now();
      const known = remembered.get(\`\${asker.actor} \${key}\`);
      if (key !== undefined && known !== undefined) return { ...known, isReplay: true };
      let placed`,
      },
      {
        kind: 'source',
        path: 'src/holds/service.ts',
        search: 'return { holdId: placed.hold_id, body: placed.body, isReplay: placed.is_replay };',
        replace: `remembered.set(\`\${asker.actor} \${key}\`, { holdId: placed.hold_id, body: placed.body });
      return { holdId: placed.hold_id, body: placed.body, isReplay: placed.is_replay };`,
      },
      {
        kind: 'source',
        path: 'src/holds/service.ts',
        search: 'const holdIdKey = z.tuple([z.uuid()]);',
        replace: `const holdIdKey = z.tuple([z.uuid()]);
const remembered = new Map<string, { holdId: string; body: string }>();`,
      },
    ],
    faults: ['commit answer dropped', 'server killed'],
  },
  {
    name: 'cache without generation',
    patches: [
      {
        kind: 'source',
        path: 'src/commands.ts',
        search: 'if (isChange) cache.changed();',
        replace: 'if (isChange) void cache;',
      },
    ],
    faults: ['clients leave'],
  },
  {
    name: 'cache that relies on its messages',
    patches: [
      {
        kind: 'source',
        path: 'src/cache/ages.ts',
        search: 'export const ageMsMax = 800;',
        replace: 'export const ageMsMax = 8_000;',
      },
    ],
    faults: ['redis hung', 'one server only reads'],
    arePaired: true,
  },
  {
    name: 'worker without re-check',
    patches: [
      {
        kind: 'function',
        name: 'sweep',
        search: 'ORDER BY hold_expires_at, room_id LIMIT batch_max FOR NO KEY UPDATE SKIP LOCKED) locked;',
        replace: 'ORDER BY hold_expires_at, room_id LIMIT batch_max) looked_at; PERFORM pg_sleep(0.05);',
      },
      {
        kind: 'function',
        name: 'holds_expire',
        search: `AND h.status = 'ACTIVE' AND h.expires_at <= at`,
        replace: '',
      },
    ],
    faults: ['lock hog', 'postgres frozen'],
  },
  {
    name: 'confirm without expiry check',
    patches: [
      {
        kind: 'function',
        name: 'hold_confirm',
        search: `h.status = 'EXPIRED' AND request.reacquire AND`,
        replace: `h.status = 'EXPIRED' AND`,
      },
    ],
    faults: ['server frozen'],
  },
  {
    name: 'audit outside of the transaction',
    patches: [
      {
        kind: 'function',
        name: 'hold_end',
        search: 'actor, h.hold_id, request_id\n  FROM left_rooms l ORDER BY l.room_id;',
        replace: `actor, h.hold_id, request_id\n  FROM left_rooms l WHERE ended_as <> 'RELEASED' ORDER BY l.room_id;`,
      },
      {
        kind: 'source',
        path: 'src/holds/service.ts',
        search: 'return change(release, holdId, {}, asker);',
        replace: `return change(release, holdId, {}, asker).then(async (body) => {
        await database.client.$executeRaw\`
          INSERT INTO audit_log (entity, entity_id, action, old_value, new_value, actor, hold_id, request_id)
          SELECT 'room', c.room_id::text, 'RELEASE', held_json(h.hold_id, h.expires_at),
            unheld_json('AVAILABLE', h.ended_at), \${asker.actor}, h.hold_id, \${asker.request_id}
          FROM hold h JOIN hold_room c USING (hold_id)
          WHERE h.hold_id = \${holdId}::uuid AND h.status = 'RELEASED'\`;
        return body;
      });`,
      },
    ],
    faults: ['server killed', 'commit answer dropped'],
  },
  {
    name: 'fence not raised',
    patches: [
      {
        kind: 'function',
        name: 'hold_place',
        search: 'fence = fence + 1',
        replace: 'fence = greatest(fence, 1)',
      },
    ],
    faults: ['clients leave'],
  },
  {
    name: 'supersede frees its own room only',
    patches: [
      {
        kind: 'function',
        name: 'hold_end',
        search: 'room.room_id = c.room_id AND room.hold_id = h.hold_id',
        replace: `room.room_id = c.room_id AND room.hold_id = h.hold_id AND (ended_as <> 'REVOKED'
      OR c.room_id = (SELECT min(o.room_id) FROM hold_room o WHERE o.hold_id = h.hold_id))`,
      },
    ],
    faults: ['clients leave'],
  },
  {
    name: 'unknown outcome tried again',
    patches: [
      {
        kind: 'source',
        path: 'src/database.ts',
        search: `if (failureOf(error) !== 'conflict' || tries === conflictTriesMax) throw problemOf(error);`,
        replace: `if (!['conflict', 'broken'].includes(failureOf(error)) || tries === conflictTriesMax) throw problemOf(error);`,
      },
    ],
    faults: ['commit answer dropped'],
  },
  {
    name: 'unknown outcome told as undone',
    patches: [
      {
        kind: 'source',
        path: 'src/database.ts',
        search: `return brokenAs === 'outcome-unknown'`,
        replace: `return brokenAs === 'outcome-unknown' && error === undefined`,
      },
    ],
    faults: ['commit answer dropped'],
  },
  {
    name: 'a hold of some of the rooms',
    patches: [
      {
        kind: 'function',
        name: 'hold_place',
        search: `CONTINUE WHEN NOT request.room_ids <@ coalesce(free, '{}') OR request.room_ids && taken;
      chosen := request.room_ids;`,
        replace: `chosen := ARRAY(SELECT id FROM unnest(request.room_ids) id WHERE id = ANY (free) AND id <> ALL (taken));
      CONTINUE WHEN cardinality(chosen) = 0;`,
      },
    ],
    faults: ['clients leave'],
  },
];
