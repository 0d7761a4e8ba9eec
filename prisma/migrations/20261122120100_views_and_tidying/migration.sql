-- How rooms and holds look at an instant, and how what is over is tidied. Every command is built on these.
--
-- The rules that all commands keep:
--   * One lock order: idempotency keys and holders, then rooms by id, then holds by id.
--   * A statement's snapshot is older than the locks that it waits for, so a command locks in one statement and
--     decides in a later one; what decides about expiry is the database's clock, read after the last lock.
--   * A command takes a JSON array of requests and answers one outcome per request, in order, as if they had run
--     one after the other. An outcome is {"problem", "facts"}, what the verb made, or {"retry"}: nothing was done,
--     because the "key" is in use elsewhere or the "rooms" were on the move.
--   * A wait for a lock has a bound. The frequent commands are planned once per connection (planning anew took longer
--     than running), and by indexes even while the tables are small: a plan outlives their growth.
--   * Old and new instances run side by side during an upgrade: a command whose parameters change gets a new name.

-- An instant on the wire: RFC 3339, UTC, milliseconds.
CREATE FUNCTION instant(t timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The database's clock in whole milliseconds, rounded down: it never runs ahead of itself.
CREATE FUNCTION clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT date_trunc('milliseconds', clock_timestamp())
$$;

-- The room as it is at an instant: a hold or freeze that has passed its end is over, tidied or not.
CREATE FUNCTION room_at(r room, at timestamptz) RETURNS room LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF r.room_status = 'HELD' AND r.hold_expires_at <= at THEN
    r.updated_at := greatest(r.updated_at, r.hold_expires_at);
    r.room_status := 'AVAILABLE';
    r.hold_id := NULL;
    r.hold_expires_at := NULL;
  ELSIF r.room_status = 'FROZEN' AND r.freeze_expires_at <= at THEN
    r.updated_at := greatest(r.updated_at, r.freeze_expires_at);
    r := room_thawed(r);
  END IF;
  RETURN r;
END $$;

-- The room with its freeze taken off, back in the state that it was frozen from.
CREATE FUNCTION room_thawed(r room) RETURNS room LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  r.room_status := CASE WHEN r.frozen_from_maintenance THEN 'MAINTENANCE' ELSE 'AVAILABLE' END;
  r.freeze_reason := 'NONE';
  r.freeze_note := NULL;
  r.freeze_expires_at := NULL;
  r.frozen_from_maintenance := false;
  RETURN r;
END $$;

-- A room on the wire. `sees_all` is false for those without the permission to read holds and notes.
CREATE TYPE room_wire AS (
  room_id integer, room_no text, room_type_id integer, floor text, room_status room_status,
  freeze_reason freeze_reason, freeze_note text, freeze_expires_at text, hold_id uuid, hold_expires_at text,
  booking_reference text, fence integer, created_at text, updated_at text
);
CREATE FUNCTION room_json(r room, sees_all boolean) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT to_json(ROW(
    r.room_id, r.room_no, r.room_type_id, r.floor, r.room_status,
    r.freeze_reason, CASE WHEN sees_all THEN r.freeze_note END, instant(r.freeze_expires_at),
    CASE WHEN sees_all THEN r.hold_id END, instant(r.hold_expires_at),
    CASE WHEN sees_all THEN r.booking_reference END, r.fence, instant(r.created_at), instant(r.updated_at))::room_wire)
$$;

-- The fields by which two states of a room differ, as they are in the second.
CREATE FUNCTION room_changes(before room, after room) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_object_agg(a.key, a.value), '{}')
  FROM jsonb_each(room_json(after, true)::jsonb) a
  JOIN jsonb_each(room_json(before, true)::jsonb) b USING (key)
  WHERE a.value <> b.value
$$;

-- Writes a locked room's new state and its audit row. The one way in which a command changes a single room.
CREATE FUNCTION room_write(
  before room, after room, at timestamptz, action audit_action, actor text, hold_id uuid, request_id text
) RETURNS room LANGUAGE plpgsql AS $$
BEGIN
  after.updated_at := at;
  UPDATE room SET
    room_no = after.room_no, room_type_id = after.room_type_id, floor = after.floor,
    room_status = after.room_status, freeze_reason = after.freeze_reason, freeze_note = after.freeze_note,
    freeze_expires_at = after.freeze_expires_at, frozen_from_maintenance = after.frozen_from_maintenance,
    hold_id = after.hold_id, hold_expires_at = after.hold_expires_at,
    booking_reference = after.booking_reference, fence = after.fence,
    updated_at = after.updated_at, is_deleted = after.is_deleted
  WHERE room.room_id = after.room_id;
  INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, hold_id, request_id)
  VALUES (
    at, 'room', after.room_id::text, action,
    CASE WHEN after.is_deleted THEN room_json(before, true)::jsonb ELSE room_changes(after, before) - 'updated_at' END,
    CASE WHEN after.is_deleted THEN NULL ELSE room_changes(before, after) END,
    actor, hold_id, request_id);
  RETURN after;
END $$;

-- An audit entry on the wire.
CREATE TYPE audit_wire AS (
  audit_id bigint, at text, entity audit_entity, entity_id text, action audit_action,
  old_value jsonb, new_value jsonb, actor text, hold_id uuid, request_id text
);
CREATE FUNCTION audit_json(a audit_log) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT to_json(ROW(a.audit_id, instant(a.at), a.entity, a.entity_id, a.action,
    a.old_value, a.new_value, a.actor, a.hold_id, a.request_id)::audit_wire)
$$;

-- A hold on the wire, from its row and its claims on rooms in the order of their ids.
CREATE TYPE claim_wire AS (room_id integer, room_no text, fence integer);
CREATE TYPE hold_wire AS (
  hold_id uuid, status hold_status, holder text, created_by text, reference text, rooms claim_wire[],
  created_at text, expires_at text, expires_in_seconds integer, booking_reference text, reacquired boolean, ended_at text
);
CREATE FUNCTION hold_json(h hold, rooms claim_wire[], at timestamptz) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT to_json(ROW(
    h.hold_id,
    CASE WHEN h.status = 'ACTIVE' AND h.expires_at <= at THEN 'EXPIRED' ELSE h.status END,
    h.holder, h.created_by, h.reference, rooms,
    instant(h.created_at), instant(h.expires_at),
    CASE WHEN h.status = 'ACTIVE' AND h.expires_at > at
      THEN ceil(extract(epoch FROM h.expires_at - greatest(at, h.created_at))) ELSE 0 END,
    h.booking_reference, h.is_reacquired,
    instant(CASE WHEN h.status = 'ACTIVE' AND h.expires_at <= at THEN h.expires_at ELSE h.ended_at END))::hold_wire)
$$;
CREATE FUNCTION hold_claims(hold_id uuid) RETURNS claim_wire[] LANGUAGE sql STABLE AS $$
  SELECT array_agg(ROW(c.room_id, r.room_no, c.fence)::claim_wire ORDER BY c.room_id)
  FROM hold_room c JOIN room r USING (room_id)
  WHERE c.hold_id = hold_claims.hold_id
$$;

-- What an audit row says of a room that was in a hold, and of what became of it.
CREATE FUNCTION held_json(hold_id uuid, hold_expires_at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('room_status', 'HELD', 'hold_id', hold_id, 'hold_expires_at', instant(hold_expires_at))
$$;
CREATE FUNCTION unheld_json(next_status room_status, at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('room_status', next_status, 'hold_id', NULL, 'hold_expires_at', NULL, 'updated_at', instant(at))
$$;

-- Ends those of these holds that have expired at this instant: EXPIRED, once, with an EXPIRE row for every room.
-- The caller has locked the holds. Rooms that somebody else has locked are left to them, or to the worker: a room
-- whose hold is over is free to everybody, whatever its row still says.
CREATE FUNCTION holds_expire(hold_ids uuid[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ended uuid[];
BEGIN
  WITH expired AS (
    UPDATE hold SET status = 'EXPIRED', ended_at = expires_at
    WHERE hold_id = ANY (hold_ids) AND status = 'ACTIVE' AND expires_at <= at
    RETURNING hold_id
  )
  SELECT array_agg(hold_id) INTO ended FROM expired;
  IF ended IS NULL THEN
    RETURN 0;
  END IF;

  UPDATE hold_room SET is_live = false WHERE hold_id = ANY (ended) AND is_live;
  INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, hold_id)
  SELECT at, 'room', r.room_id::text, 'EXPIRE', held_json(c.hold_id, r.hold_expires_at),
    unheld_json('AVAILABLE', greatest(r.updated_at, r.hold_expires_at)), 'system', c.hold_id
  FROM hold_room c JOIN room r ON r.room_id = c.room_id AND r.hold_id = c.hold_id
  WHERE c.hold_id = ANY (ended)
  ORDER BY r.room_id;
  PERFORM rooms_tidy(ARRAY(
    SELECT r.room_id
    FROM hold_room c JOIN room r ON r.room_id = c.room_id AND r.hold_id = c.hold_id
    WHERE c.hold_id = ANY (ended)
    FOR NO KEY UPDATE OF r SKIP LOCKED), at);
  RETURN cardinality(ended);
END $$;

-- Writes into locked rooms what everybody sees already: that their hold or freeze is over.
CREATE FUNCTION rooms_tidy(room_ids integer[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  tidied integer;
BEGIN
  UPDATE room SET
    room_status = seen.room_status, freeze_reason = seen.freeze_reason, freeze_note = seen.freeze_note,
    freeze_expires_at = seen.freeze_expires_at, frozen_from_maintenance = seen.frozen_from_maintenance,
    hold_id = seen.hold_id, hold_expires_at = seen.hold_expires_at, updated_at = seen.updated_at
  FROM room r CROSS JOIN LATERAL room_at(r, at) seen
  WHERE r.room_id = ANY (room_ids) AND room.room_id = r.room_id
    AND (r.room_status = 'HELD' AND r.hold_expires_at <= at OR r.room_status = 'FROZEN' AND r.freeze_expires_at <= at);
  GET DIAGNOSTICS tidied = ROW_COUNT;
  RETURN tidied;
END $$;

-- Ends the timed freezes of these locked rooms that are over, each with its UNFREEZE row.
CREATE FUNCTION freezes_expire(room_ids integer[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor)
  SELECT at, 'room', r.room_id::text, 'UNFREEZE', room_changes(room_at(r, at), r) - 'updated_at',
    room_changes(r, room_at(r, at)), 'system'
  FROM room r
  WHERE r.room_id = ANY (room_ids) AND r.room_status = 'FROZEN' AND r.freeze_expires_at <= at
  ORDER BY r.room_id;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  RETURN rooms_tidy(room_ids, at);
END $$;

-- Locks rooms, then holds, in id order, and tidies what is over among them. From here to the end of the transaction
-- these rows are as they stand, and nothing among them is over but not yet ended. Answers the instant that all of
-- this is true for, read after the last lock.
CREATE FUNCTION rooms_lock(room_ids integer[], hold_ids uuid[] DEFAULT '{}') RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz;
  locked uuid[] := '{}';
  wanted uuid[] := hold_ids;
  is_any_over boolean;
BEGIN
  PERFORM FROM room WHERE room_id = ANY (room_ids) ORDER BY room_id FOR NO KEY UPDATE;
  LOOP
    IF cardinality(wanted) > 0 THEN
      PERFORM FROM hold WHERE hold_id = ANY (wanted) ORDER BY hold_id FOR NO KEY UPDATE;
      locked := locked || wanted;
    END IF;
    at := clock();
    SELECT array_agg(hold_id) FILTER (WHERE hold_id IS NOT NULL AND hold_id <> ALL (locked)), count(*) > 0
    INTO wanted, is_any_over
    FROM room
    WHERE room_id = ANY (room_ids)
      AND (room_status = 'HELD' AND hold_expires_at <= at OR room_status = 'FROZEN' AND freeze_expires_at <= at);
    EXIT WHEN wanted IS NULL;
  END LOOP;
  IF is_any_over THEN
    PERFORM holds_expire(locked, at);
    PERFORM freezes_expire(room_ids, at);
    PERFORM rooms_tidy(room_ids, at);
  END IF;
  RETURN at;
END $$;

-- One batch of the worker: frees up to `batch_max` rooms whose holds are over, ends as many timed freezes, forgets as
-- many old idempotency keys. It waits for nobody: what is locked is somebody else's work, or the next pass's.
CREATE FUNCTION sweep(batch_max integer) RETURNS json LANGUAGE plpgsql
SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  at timestamptz := clock();
  held integer[];
  frozen integer[];
  over uuid[];
  holds_expired integer := 0;
  freezes_ended integer := 0;
  rooms_freed integer := 0;
  keys_forgotten integer;
BEGIN
  held := ARRAY(
    SELECT room_id FROM room WHERE room_status = 'HELD' AND hold_expires_at <= at
    ORDER BY hold_expires_at, room_id LIMIT batch_max FOR NO KEY UPDATE SKIP LOCKED);
  frozen := ARRAY(
    SELECT room_id FROM room WHERE room_status = 'FROZEN' AND freeze_expires_at <= at
    ORDER BY freeze_expires_at LIMIT batch_max FOR NO KEY UPDATE SKIP LOCKED);
  over := ARRAY(
    SELECT hold_id FROM hold WHERE hold_id IN (SELECT hold_id FROM room WHERE room_id = ANY (held))
    FOR NO KEY UPDATE SKIP LOCKED);
  at := clock();
  IF cardinality(over) > 0 THEN
    held := ARRAY(SELECT room_id FROM room WHERE room_id = ANY (held) AND hold_id = ANY (over));
    holds_expired := holds_expire(over, at);
    rooms_freed := cardinality(held);
    PERFORM rooms_tidy(held, at);
  END IF;
  IF cardinality(frozen) > 0 THEN
    freezes_ended := freezes_expire(frozen, at);
  END IF;
  DELETE FROM idempotency_key WHERE (created_by, key) IN (
    SELECT created_by, key FROM idempotency_key
    WHERE created_at <= at - interval '24 hours' ORDER BY created_at LIMIT batch_max FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS keys_forgotten = ROW_COUNT;
  RETURN json_build_object(
    'holds_expired', holds_expired, 'freezes_ended', freezes_ended, 'keys_forgotten', keys_forgotten,
    'is_more', rooms_freed = batch_max OR freezes_ended = batch_max OR keys_forgotten = batch_max);
END $$;
