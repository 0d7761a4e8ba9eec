-- Commands on rooms and room types. See the rules at the top of the views and tidying.

CREATE FUNCTION problem(code text, facts json DEFAULT '{}') RETURNS json LANGUAGE sql IMMUTABLE AS $$
  SELECT json_build_object('problem', code, 'facts', facts)
$$;

CREATE TYPE room_type_wire AS (room_type_id integer, name text, created_at text);
CREATE FUNCTION room_type_json(t room_type) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT to_json(ROW(t.room_type_id, t.name, instant(t.created_at))::room_type_wire)
$$;

-- [{"name", "actor", "request_id"}]
CREATE FUNCTION room_type_create(requests jsonb) RETURNS json LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  made room_type;
BEGIN
  FOR request IN SELECT * FROM jsonb_to_recordset(requests) AS (name text, actor text, request_id text) LOOP
    INSERT INTO room_type (name) VALUES (request.name)
    ON CONFLICT (name) WHERE NOT is_deleted DO NOTHING
    RETURNING * INTO made;
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('room-type-exists'));
      CONTINUE;
    END IF;
    INSERT INTO audit_log (at, entity, entity_id, action, new_value, actor, request_id)
    VALUES (made.created_at, 'room_type', made.room_type_id::text, 'CREATE', room_type_json(made)::jsonb,
      request.actor, request.request_id);
    outcomes := array_append(outcomes, json_build_object('room_type', room_type_json(made)));
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- [{"room_type_id", "name", "actor", "request_id"}]
CREATE FUNCTION room_type_change(requests jsonb) RETURNS json LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  before room_type;
  after room_type;
BEGIN
  FOR request IN
    SELECT * FROM jsonb_to_recordset(requests) AS (room_type_id integer, name text, actor text, request_id text)
  LOOP
    SELECT * INTO before FROM room_type
    WHERE room_type_id = request.room_type_id AND NOT is_deleted FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('room-type-not-found'));
      CONTINUE;
    END IF;
    after := before;
    IF request.name IS NOT NULL AND request.name <> before.name THEN
      after.name := request.name;
      BEGIN
        UPDATE room_type SET name = after.name WHERE room_type_id = after.room_type_id;
      EXCEPTION WHEN unique_violation THEN
        outcomes := array_append(outcomes, problem('room-type-exists'));
        CONTINUE;
      END;
      INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, request_id)
      VALUES (clock(), 'room_type', after.room_type_id::text, 'UPDATE', jsonb_build_object('name', before.name),
        jsonb_build_object('name', after.name), request.actor, request.request_id);
    END IF;
    outcomes := array_append(outcomes, json_build_object('room_type', room_type_json(after)));
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- [{"room_type_id", "actor", "request_id"}]
CREATE FUNCTION room_type_delete(requests jsonb) RETURNS json LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  before room_type;
BEGIN
  FOR request IN SELECT * FROM jsonb_to_recordset(requests) AS (room_type_id integer, actor text, request_id text) LOOP
    -- FOR UPDATE waits for those who are giving a room this type: they hold it FOR SHARE.
    SELECT * INTO before FROM room_type
    WHERE room_type_id = request.room_type_id AND NOT is_deleted FOR UPDATE;
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('room-type-not-found'));
      CONTINUE;
    END IF;
    IF EXISTS (SELECT FROM room WHERE room_type_id = before.room_type_id AND NOT is_deleted) THEN
      outcomes := array_append(outcomes, problem('room-type-in-use'));
      CONTINUE;
    END IF;
    UPDATE room_type SET is_deleted = true WHERE room_type_id = before.room_type_id;
    INSERT INTO audit_log (at, entity, entity_id, action, old_value, actor, request_id)
    VALUES (clock(), 'room_type', before.room_type_id::text, 'DELETE', room_type_json(before)::jsonb,
      request.actor, request.request_id);
    outcomes := array_append(outcomes, json_build_object('room_type', room_type_json(before)));
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- [{"room_no", "room_type_id", "floor", "actor", "request_id"}]
CREATE FUNCTION room_create(requests jsonb) RETURNS json LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  made room;
BEGIN
  FOR request IN
    SELECT * FROM jsonb_to_recordset(requests)
      AS (room_no text, room_type_id integer, floor text, actor text, request_id text)
  LOOP
    PERFORM FROM room_type WHERE room_type_id = request.room_type_id AND NOT is_deleted FOR SHARE;
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('room-type-not-found'));
      CONTINUE;
    END IF;
    made.created_at := clock();
    INSERT INTO room (room_no, room_type_id, floor, created_at, updated_at)
    VALUES (request.room_no, request.room_type_id, request.floor, made.created_at, made.created_at)
    ON CONFLICT (room_no) WHERE NOT is_deleted DO NOTHING
    RETURNING * INTO made;
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('room-no-exists'));
      CONTINUE;
    END IF;
    INSERT INTO audit_log (at, entity, entity_id, action, new_value, actor, request_id)
    VALUES (made.created_at, 'room', made.room_id::text, 'CREATE', room_json(made, true)::jsonb,
      request.actor, request.request_id);
    outcomes := array_append(outcomes, json_build_object('room', room_json(made, true)));
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- [{"room_id", "changes": {"room_no", "room_type_id", "floor", "room_status"}, "actor", "request_id"}]: a field that
-- is absent stays.
CREATE FUNCTION room_change(requests jsonb) RETURNS json LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  at timestamptz;
  before room;
  after room;
BEGIN
  at := rooms_lock(ARRAY(SELECT (r ->> 'room_id')::integer FROM jsonb_array_elements(requests) r));
  FOR request IN
    SELECT * FROM jsonb_to_recordset(requests) AS (room_id integer, changes jsonb, actor text, request_id text)
  LOOP
    SELECT * INTO before FROM room WHERE room_id = request.room_id AND NOT is_deleted;
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('room-not-found'));
      CONTINUE;
    END IF;
    after := jsonb_populate_record(before, request.changes);
    IF after.room_type_id <> before.room_type_id THEN
      PERFORM FROM room_type WHERE room_type_id = after.room_type_id AND NOT is_deleted FOR SHARE;
      IF NOT FOUND THEN
        outcomes := array_append(outcomes, problem('room-type-not-found'));
        CONTINUE;
      END IF;
    END IF;
    IF after.room_status <> before.room_status AND before.room_status IN ('FROZEN', 'HELD') THEN
      outcomes := array_append(outcomes, room_busy(before));
      CONTINUE;
    END IF;
    IF after.room_status <> 'BOOKED' THEN
      after.booking_reference := NULL;
    END IF;
    IF after IS DISTINCT FROM before THEN
      BEGIN
        after := room_write(before, after, at, 'UPDATE', request.actor, NULL, request.request_id);
      EXCEPTION WHEN unique_violation THEN
        outcomes := array_append(outcomes, problem('room-no-exists'));
        CONTINUE;
      END;
    END IF;
    outcomes := array_append(outcomes, json_build_object('room', room_json(after, true)));
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- Why a verb that wants an idle room can't have this one.
CREATE FUNCTION room_busy(r room) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT CASE r.room_status
    WHEN 'FROZEN' THEN problem('room-frozen', json_build_object(
      'room_status', r.room_status, 'freeze_reason', r.freeze_reason, 'freeze_expires_at', instant(r.freeze_expires_at)))
    WHEN 'HELD' THEN problem('room-held', json_build_object(
      'room_status', r.room_status, 'hold_expires_at', instant(r.hold_expires_at)))
    WHEN 'BOOKED' THEN problem('room-booked', json_build_object('room_status', r.room_status))
  END
$$;

-- [{"room_id", "actor", "request_id"}]
CREATE FUNCTION room_delete(requests jsonb) RETURNS json LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
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
    ELSIF before.room_status NOT IN ('AVAILABLE', 'MAINTENANCE') THEN
      outcomes := array_append(outcomes, room_busy(before));
    ELSE
      after := before;
      after.is_deleted := true;
      PERFORM room_write(before, after, at, 'DELETE', request.actor, NULL, request.request_id);
      outcomes := array_append(outcomes, json_build_object('room', room_json(before, true)));
    END IF;
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;
