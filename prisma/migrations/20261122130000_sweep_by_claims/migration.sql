-- Rows that are known by their ids are found by their ids. A condition such as "is over" or "is active" fits a small
-- index of its own, which Postgres takes to be all but empty whenever it was when last looked at, and then reads whole:
-- with 100,000 holds that are over, each command read 100,000 entries. OFFSET 0 keeps such a condition from choosing
-- the index. And what expiring changes is known, so its audit rows say it without comparing two states of a room.
-- What these functions promise stands with their first versions, in the views and tidying.

CREATE OR REPLACE FUNCTION holds_expire(hold_ids uuid[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ended uuid[];
  claimers uuid[];    -- the hold behind each claim,
  claimed integer[];  -- and its room
BEGIN
  WITH expired AS (
    UPDATE hold SET status = 'EXPIRED', ended_at = hold.expires_at
    FROM (SELECT hold_id, status, expires_at FROM hold WHERE hold_id = ANY (hold_ids) OFFSET 0) h
    WHERE hold.hold_id = h.hold_id AND h.status = 'ACTIVE' AND h.expires_at <= at
    RETURNING hold.hold_id
  )
  SELECT array_agg(hold_id) INTO ended FROM expired;
  IF ended IS NULL THEN
    RETURN 0;
  END IF;

  WITH ended_claims AS (
    UPDATE hold_room SET is_live = false WHERE hold_id = ANY (ended)
    RETURNING hold_id, room_id
  )
  SELECT array_agg(hold_id ORDER BY room_id), array_agg(room_id ORDER BY room_id) INTO claimers, claimed FROM ended_claims;

  INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, hold_id)
  SELECT at, 'room', r.room_id::text, 'EXPIRE', held_json(r.hold_id, r.hold_expires_at),
    unheld_json('AVAILABLE', greatest(r.updated_at, r.hold_expires_at)), 'system', r.hold_id
  FROM unnest(claimers, claimed) c (hold_id, room_id)
  JOIN room r ON r.room_id = c.room_id AND r.hold_id = c.hold_id;

  -- As room_at has it.
  UPDATE room SET room_status = 'AVAILABLE', hold_id = NULL, hold_expires_at = NULL,
    updated_at = greatest(updated_at, hold_expires_at)
  WHERE room_id = ANY (ARRAY(
    SELECT r.room_id
    FROM unnest(claimers, claimed) c (hold_id, room_id)
    JOIN room r ON r.room_id = c.room_id AND r.hold_id = c.hold_id
    FOR NO KEY UPDATE OF r SKIP LOCKED));
  RETURN cardinality(ended);
END $$;

-- Those of these rooms whose hold or freeze is over at this instant, though their rows do not say so yet.
CREATE FUNCTION rooms_over(room_ids integer[], at timestamptz) RETURNS SETOF room LANGUAGE sql STABLE AS $$
  SELECT * FROM (SELECT * FROM room WHERE room_id = ANY (room_ids) OFFSET 0) r
  WHERE r.room_status = 'HELD' AND r.hold_expires_at <= at OR r.room_status = 'FROZEN' AND r.freeze_expires_at <= at
$$;

CREATE OR REPLACE FUNCTION rooms_tidy(room_ids integer[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  tidied integer;
BEGIN
  UPDATE room SET
    room_status = seen.room_status, freeze_reason = seen.freeze_reason, freeze_note = seen.freeze_note,
    freeze_expires_at = seen.freeze_expires_at, frozen_from_maintenance = seen.frozen_from_maintenance,
    hold_id = seen.hold_id, hold_expires_at = seen.hold_expires_at, updated_at = seen.updated_at
  FROM rooms_over(room_ids, at) r CROSS JOIN LATERAL room_at(r, at) seen
  WHERE room.room_id = r.room_id;
  GET DIAGNOSTICS tidied = ROW_COUNT;
  RETURN tidied;
END $$;

CREATE OR REPLACE FUNCTION freezes_expire(room_ids integer[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor)
  SELECT at, 'room', r.room_id::text, 'UNFREEZE', room_changes(room_at(r, at), r) - 'updated_at',
    room_changes(r, room_at(r, at)), 'system'
  FROM rooms_over(room_ids, at) r
  WHERE r.room_status = 'FROZEN'
  ORDER BY r.room_id;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  RETURN rooms_tidy(room_ids, at);
END $$;

CREATE OR REPLACE FUNCTION rooms_lock(room_ids integer[], hold_ids uuid[] DEFAULT '{}') RETURNS timestamptz
LANGUAGE plpgsql AS $$
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
    FROM rooms_over(room_ids, at);
    EXIT WHEN wanted IS NULL;
  END LOOP;
  IF is_any_over THEN
    PERFORM holds_expire(locked, at);
    PERFORM freezes_expire(room_ids, at);
    PERFORM rooms_tidy(room_ids, at);
  END IF;
  RETURN at;
END $$;

CREATE OR REPLACE FUNCTION sweep(batch_max integer) RETURNS json LANGUAGE plpgsql
SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  at timestamptz := clock();
  held integer[];
  holders uuid[];
  frozen integer[];
  over uuid[];
  holds_expired integer := 0;
  freezes_ended integer := 0;
  rooms_tidied integer := 0;
  keys_forgotten integer;
BEGIN
  SELECT array_agg(room_id), array_agg(DISTINCT hold_id) INTO held, holders FROM (
    SELECT room_id, hold_id FROM room WHERE room_status = 'HELD' AND hold_expires_at <= at
    ORDER BY hold_expires_at, room_id LIMIT batch_max FOR NO KEY UPDATE SKIP LOCKED) locked;
  frozen := ARRAY(
    SELECT room_id FROM room WHERE room_status = 'FROZEN' AND freeze_expires_at <= at
    ORDER BY freeze_expires_at LIMIT batch_max FOR NO KEY UPDATE SKIP LOCKED);
  over := ARRAY(SELECT hold_id FROM hold WHERE hold_id = ANY (holders) FOR NO KEY UPDATE SKIP LOCKED);
  at := clock();
  IF cardinality(over) > 0 THEN
    holds_expired := holds_expire(over, at);
    -- Rooms that were locked by somebody else when their hold ended.
    rooms_tidied := rooms_tidy(ARRAY(SELECT room_id FROM rooms_over(held, at) WHERE hold_id = ANY (over)), at);
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
    'is_more', cardinality(held) = batch_max AND holds_expired + rooms_tidied > 0
      OR freezes_ended = batch_max OR keys_forgotten = batch_max);
END $$;
