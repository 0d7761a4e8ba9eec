-- Commands that freeze and unfreeze rooms. See the rules at the top of the views and tidying.

-- [{"room_id", "freeze_reason", "freeze_note", "expires_in_seconds", "supersede_hold", "actor", "request_id"}].
-- Outcomes: {"room", "revoked_hold_id"}.
CREATE FUNCTION room_freeze(requests jsonb) RETURNS json LANGUAGE plpgsql
SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  at timestamptz;
  superseded uuid[];
  room_ids integer[];
  before room;
  after room;
  revoked uuid;
BEGIN
  -- Superseding takes a hold's other rooms too. Who holds a room may change until it is locked: looked at again below.
  superseded := ARRAY(
    SELECT r.hold_id FROM jsonb_to_recordset(requests) AS q(room_id integer, supersede_hold boolean)
    JOIN room r USING (room_id) WHERE q.supersede_hold AND r.hold_id IS NOT NULL);
  room_ids := ARRAY(
    SELECT (q ->> 'room_id')::integer FROM jsonb_array_elements(requests) q
    UNION SELECT room_id FROM hold_room WHERE hold_id = ANY (superseded));
  at := rooms_lock(room_ids, superseded);

  FOR request IN
    SELECT * FROM jsonb_to_recordset(requests) AS (
      room_id integer, freeze_reason freeze_reason, freeze_note text, expires_in_seconds integer,
      supersede_hold boolean, actor text, request_id text)
  LOOP
    revoked := NULL;
    SELECT * INTO before FROM room WHERE room_id = request.room_id AND NOT is_deleted;
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('room-not-found'));
      CONTINUE;
    END IF;
    IF before.room_status = 'HELD' AND request.supersede_hold THEN
      IF before.hold_id <> ALL (superseded) THEN
        outcomes := array_append(outcomes, '{"retry": "rooms"}');
        CONTINUE;
      END IF;
      PERFORM hold_end(h, 'REVOKED', NULL, at, request.actor, request.request_id) FROM hold h WHERE h.hold_id = before.hold_id;
      revoked := before.hold_id;
      SELECT * INTO before FROM room WHERE room_id = request.room_id;
    END IF;
    IF before.room_status IN ('HELD', 'BOOKED') THEN
      outcomes := array_append(outcomes, room_busy(before));
      CONTINUE;
    END IF;
    after := before;
    IF before.room_status <> 'FROZEN' THEN
      after.frozen_from_maintenance := before.room_status = 'MAINTENANCE';
    END IF;
    after.room_status := 'FROZEN';
    after.freeze_reason := request.freeze_reason;
    after.freeze_note := request.freeze_note;
    after.freeze_expires_at := at + make_interval(secs => request.expires_in_seconds);
    IF after IS DISTINCT FROM before THEN
      after := room_write(before, after, at, 'FREEZE', request.actor, NULL, request.request_id);
    END IF;
    outcomes := array_append(outcomes, json_build_object(
      'room', room_json(after, true), 'revoked_hold_id', revoked));
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- [{"room_id", "actor", "request_id"}]
CREATE FUNCTION room_unfreeze(requests jsonb) RETURNS json LANGUAGE plpgsql
SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  at timestamptz;
  before room;
  after room;
BEGIN
  at := rooms_lock(ARRAY(SELECT (r ->> 'room_id')::integer FROM jsonb_array_elements(requests) r));
  FOR request IN SELECT * FROM jsonb_to_recordset(requests) AS (room_id integer, actor text, request_id text) LOOP
    SELECT * INTO before FROM room WHERE room_id = request.room_id AND NOT is_deleted;
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('room-not-found'));
    ELSIF before.room_status <> 'FROZEN' THEN
      outcomes := array_append(outcomes,
        problem('room-not-frozen', json_build_object('room_status', before.room_status)));
    ELSE
      after := room_write(before, room_thawed(before), at, 'UNFREEZE', request.actor, NULL, request.request_id);
      outcomes := array_append(outcomes, json_build_object('room', room_json(after, true)));
    END IF;
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;
