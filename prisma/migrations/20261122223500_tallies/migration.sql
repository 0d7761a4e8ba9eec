-- What a command did on its way, for whoever counts: holds that ended, by how they ended, and timed freezes that were
-- over. It stands in the setting holdfast.tally as JSON until the end of the transaction, where the statement that ran
-- the command reads it. Nothing is written where nothing ended.
CREATE FUNCTION tally(what text, n integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  so_far jsonb := coalesce(nullif(current_setting('holdfast.tally', true), ''), '{}')::jsonb;
BEGIN
  IF n = 0 THEN
    RETURN;
  END IF;
  PERFORM set_config(
    'holdfast.tally', jsonb_set(so_far, ARRAY[what], to_jsonb(coalesce((so_far ->> what)::integer, 0) + n))::text, true);
END $$;

-- See the views and tidying. What is tidied on the way is counted; the worker counts what it tidies by itself.
CREATE OR REPLACE FUNCTION rooms_lock(room_ids integer[], hold_ids uuid[] DEFAULT '{}') RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz;
  locked uuid[] := '{}';
  wanted uuid[] := hold_ids;
  is_any_over boolean;
  freezes_over integer;
BEGIN
  PERFORM FROM room WHERE room_id = ANY (room_ids) ORDER BY room_id FOR NO KEY UPDATE;
  LOOP
    IF cardinality(wanted) > 0 THEN
      PERFORM FROM hold WHERE hold_id = ANY (wanted) ORDER BY hold_id FOR NO KEY UPDATE;
      locked := locked || wanted;
    END IF;
    at := clock();
    SELECT array_agg(hold_id) FILTER (WHERE hold_id IS NOT NULL AND hold_id <> ALL (locked)), count(*) > 0,
      count(*) FILTER (WHERE room_status = 'FROZEN')
    INTO wanted, is_any_over, freezes_over
    FROM rooms_over(room_ids, at);
    EXIT WHEN wanted IS NULL;
  END LOOP;
  IF is_any_over THEN
    PERFORM tally('EXPIRED', holds_expire(locked, at));
    PERFORM freezes_expire(room_ids, at);
    PERFORM tally('FREEZE_ENDED', freezes_over);
    PERFORM rooms_tidy(room_ids, at);
  END IF;
  RETURN at;
END $$;

-- See the commands on holds. Counted by how the hold ended.
CREATE OR REPLACE FUNCTION hold_end(
  h hold, ended_as hold_status, booked_under text, at timestamptz, actor text, request_id text
) RETURNS hold LANGUAGE plpgsql AS $$
DECLARE
  next_status room_status := CASE WHEN ended_as = 'CONFIRMED' THEN 'BOOKED' ELSE 'AVAILABLE' END;
BEGIN
  UPDATE hold SET status = ended_as, ended_at = at, booking_reference = booked_under, is_reacquired = h.is_reacquired
  WHERE hold.hold_id = h.hold_id
  RETURNING * INTO h;
  UPDATE hold_room SET is_live = false WHERE hold_room.hold_id = h.hold_id;
  WITH left_rooms AS (
    UPDATE room SET room_status = next_status, hold_id = NULL, hold_expires_at = NULL,
      booking_reference = booked_under, updated_at = at
    FROM hold_room c
    WHERE c.hold_id = h.hold_id AND room.room_id = c.room_id AND room.hold_id = h.hold_id
    RETURNING room.room_id
  )
  INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, hold_id, request_id)
  SELECT at, 'room', room_id::text,
    (CASE ended_as WHEN 'CONFIRMED' THEN 'CONFIRM' WHEN 'RELEASED' THEN 'RELEASE' ELSE 'REVOKE' END)::audit_action,
    held_json(h.hold_id, h.expires_at)
      || CASE WHEN booked_under IS NULL THEN '{}' ELSE '{"booking_reference": null}'::jsonb END,
    unheld_json(next_status, at)
      || CASE WHEN booked_under IS NULL THEN '{}' ELSE jsonb_build_object('booking_reference', booked_under) END,
    actor, h.hold_id, request_id
  FROM left_rooms l ORDER BY l.room_id;
  PERFORM tally(ended_as::text, 1);
  RETURN h;
END $$;
