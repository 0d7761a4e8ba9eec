-- Commands on holds. See the rules at the top of the views and tidying.

-- A UUIDv7 whose time is the given instant: ids rise with the database's clock, not with that of any server.
CREATE FUNCTION hold_id_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Why these rooms can't be held: those among them that are not free, and when they will be.
CREATE FUNCTION room_conflicts(room_ids integer[], at timestamptz) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT coalesce(json_agg(json_build_object(
    'room_id', r.room_id,
    'room_no', r.room_no,
    'room_status', CASE WHEN NOT r.is_deleted THEN seen.room_status END,
    'free_at', instant(CASE
      WHEN r.is_deleted THEN NULL
      WHEN seen.room_status = 'HELD' THEN seen.hold_expires_at
      WHEN seen.room_status = 'FROZEN' AND NOT seen.frozen_from_maintenance THEN seen.freeze_expires_at
    END)) ORDER BY r.room_id), '[]')
  FROM room r CROSS JOIN LATERAL room_at(r, at) seen
  WHERE r.room_id = ANY (room_ids) AND (r.is_deleted OR seen.room_status <> 'AVAILABLE')
$$;

CREATE TYPE hold_place_request AS (
  created_by text, holder text, holds_active_max integer, room_ids integer[], room_type_id integer, quantity integer,
  ttl_seconds integer, reference text, idempotency_key text, fingerprint text, is_patient boolean, request_id text
);

-- One name for two texts, whatever signs they have: no other two make the same.
CREATE FUNCTION pair_name(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT char_length(a) || ':' || a || b
$$;

-- Rooms of a type that are free although their rows do not say so yet. Each half reads what is over from an index of
-- its own, however many rooms of the type there are.
CREATE FUNCTION rooms_of_type_over(wanted_type integer, at timestamptz) RETURNS SETOF integer LANGUAGE sql STABLE AS $$
  SELECT room_id FROM room
  WHERE room_status = 'HELD' AND hold_expires_at <= at AND room_type_id = wanted_type AND NOT is_deleted
  UNION ALL
  SELECT room_id FROM room
  WHERE room_status = 'FROZEN' AND freeze_expires_at <= at AND NOT frozen_from_maintenance
    AND room_type_id = wanted_type AND NOT is_deleted
$$;

-- Free rooms of a type, locked: up to `quantity`, none of them in `taken`. Rooms that somebody else has locked are
-- passed over, so that parallel buyers get different ones; a patient buyer waits for them instead.
CREATE FUNCTION rooms_of_type_lock(wanted_type integer, quantity integer, taken integer[], is_patient boolean)
RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  chosen integer[];
  over integer[];
BEGIN
  FOR attempt IN 1..2 LOOP
    IF is_patient THEN
      chosen := ARRAY(
        SELECT room_id FROM room
        WHERE room_type_id = wanted_type AND NOT is_deleted AND room_status = 'AVAILABLE' AND room_id <> ALL (taken)
        ORDER BY room_id LIMIT quantity FOR NO KEY UPDATE);
    ELSE
      chosen := ARRAY(
        SELECT room_id FROM room
        WHERE room_type_id = wanted_type AND NOT is_deleted AND room_status = 'AVAILABLE' AND room_id <> ALL (taken)
        ORDER BY room_no LIMIT quantity FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    EXIT WHEN attempt = 2 OR cardinality(chosen) = quantity;
    over := ARRAY(
      SELECT room_id FROM room WHERE room_id IN (SELECT rooms_of_type_over(wanted_type, clock()))
      LIMIT quantity - cardinality(chosen) FOR NO KEY UPDATE SKIP LOCKED);
    EXIT WHEN cardinality(over) = 0;
    PERFORM rooms_lock(over);
  END LOOP;
  RETURN chosen;
END $$;

-- [hold_place_request]. Outcomes: {"hold_id", "body", "is_replay"}; the body is the hold on the wire, to the byte what
-- its key will answer for 24 hours. `holds_active_max` is null for a request that no limit applies to.
CREATE FUNCTION hold_place(requests jsonb) RETURNS json LANGUAGE plpgsql
SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  outcomes json[] := '{}';
  asked hold_place_request[] := ARRAY(SELECT q FROM jsonb_populate_recordset(NULL::hold_place_request, requests) q);
  request hold_place_request;
  at timestamptz;
  granted_at timestamptz;
  key_name text;
  stored idempotency_key;
  holders text[];             -- those with a limit,
  active_counts integer[];    -- and how many active holds each has, those granted here included
  who integer;
  known integer[];
  free integer[];
  taken integer[] := '{}';
  chosen integer[];
  granted integer[] := '{}';  -- the numbers of the requests that get a hold,
  hold_ids uuid[];            -- and their holds
  claimers integer[] := '{}'; -- the number of the request behind each claim,
  claimed integer[] := '{}';  -- and its room
  available integer;
  conflicts json;
BEGIN
  -- Keys first: one that is in use elsewhere is not waited for here, where others would wait too.
  FOR n IN 1 .. cardinality(asked) LOOP
    request := asked[n];
    CONTINUE WHEN request.idempotency_key IS NULL;
    key_name := pair_name(request.created_by, request.idempotency_key);
    IF NOT pg_try_advisory_xact_lock(hashtextextended(key_name, 1)) THEN
      outcomes[n] := '{"retry": "key"}';
    END IF;
  END LOOP;
  FOR n IN 1 .. cardinality(asked) LOOP
    request := asked[n];
    CONTINUE WHEN request.idempotency_key IS NULL OR outcomes[n] IS NOT NULL;
    SELECT * INTO stored FROM idempotency_key k
    WHERE k.created_by = request.created_by AND k.key = request.idempotency_key
      AND k.created_at > clock() - interval '24 hours';
    IF FOUND THEN
      outcomes[n] := CASE WHEN stored.fingerprint = request.fingerprint
        THEN json_build_object('hold_id', stored.hold_id, 'body', stored.body, 'is_replay', true)
        ELSE problem('idempotency-key-reused') END;
    ELSIF EXISTS (
      SELECT FROM unnest(asked[:n - 1]) WITH ORDINALITY earlier
      WHERE earlier.created_by = request.created_by AND earlier.idempotency_key = request.idempotency_key
    ) THEN
      outcomes[n] := '{"retry": "key"}';
    END IF;
  END LOOP;

  -- Then holders, in one order for everybody. Their holds are counted by a later statement, whose snapshot sees what
  -- the last one who had the lock did.
  PERFORM pg_advisory_xact_lock(lock_key) FROM (
    SELECT DISTINCT hashtextextended(pair_name(q.created_by, q.holder), 2) AS lock_key
    FROM unnest(asked) q WHERE q.holds_active_max IS NOT NULL ORDER BY 1) holders;

  -- Then rooms, and with them the clock.
  at := rooms_lock(ARRAY(SELECT DISTINCT room_id FROM unnest(asked) q, unnest(q.room_ids) room_id));
  -- Locked once more for a room that was made since: the statement before did not see it.
  SELECT array_agg(room_id), array_agg(room_id) FILTER (WHERE room_status = 'AVAILABLE') INTO known, free
  FROM (
    SELECT room_id, room_status FROM room
    WHERE room_id IN (SELECT unnest(q.room_ids) FROM unnest(asked) q) AND NOT is_deleted
    FOR NO KEY UPDATE) locked;
  SELECT array_agg(pair_name(q.created_by, q.holder)), array_agg((
    SELECT count(*) FROM hold h
    WHERE h.created_by = q.created_by AND h.holder = q.holder AND h.status = 'ACTIVE' AND h.expires_at > at)::integer)
  INTO holders, active_counts
  FROM (SELECT DISTINCT created_by, holder FROM unnest(asked) WHERE holds_active_max IS NOT NULL) q;

  -- Who gets what, in the order of asking. Those refused stand in the order behind those granted.
  FOR n IN 1 .. cardinality(asked) LOOP
    CONTINUE WHEN outcomes[n] IS NOT NULL;
    request := asked[n];
    who := CASE WHEN request.holds_active_max IS NOT NULL
      THEN array_position(holders, pair_name(request.created_by, request.holder)) END;
    IF request.room_ids IS NOT NULL AND NOT request.room_ids <@ coalesce(known, '{}') THEN
      outcomes[n] := problem('room-not-found', json_build_object('missing_room_ids',
        ARRAY(SELECT id FROM unnest(request.room_ids) id WHERE id <> ALL (coalesce(known, '{}')) ORDER BY id)));
      CONTINUE;
    ELSIF request.room_ids IS NULL
      AND NOT EXISTS (SELECT FROM room_type t WHERE t.room_type_id = request.room_type_id AND NOT t.is_deleted)
    THEN
      outcomes[n] := problem('room-type-not-found');
      CONTINUE;
    ELSIF active_counts[who] >= request.holds_active_max THEN
      outcomes[n] := problem('hold-limit-reached', json_build_object('limit', request.holds_active_max));
      CONTINUE;
    END IF;

    IF request.room_ids IS NOT NULL THEN
      CONTINUE WHEN NOT request.room_ids <@ coalesce(free, '{}') OR request.room_ids && taken;
      chosen := request.room_ids;
    ELSE
      chosen := rooms_of_type_lock(request.room_type_id, request.quantity, taken, request.is_patient);
      IF cardinality(chosen) < request.quantity THEN
        -- Too few that are not locked. Refused only if there was an instant with too few in all.
        SELECT count(*) INTO available FROM (
          SELECT room_id FROM room
          WHERE room_type_id = request.room_type_id AND NOT is_deleted AND room_status = 'AVAILABLE'
          UNION ALL SELECT rooms_of_type_over(request.room_type_id, clock())
        ) AS f(room_id) WHERE room_id <> ALL (taken);
        outcomes[n] := CASE WHEN available < request.quantity
          THEN problem('not-enough-rooms', json_build_object('requested', request.quantity, 'available', available))
          ELSE '{"retry": "rooms"}' END;
        CONTINUE;
      END IF;
    END IF;

    taken := taken || chosen;
    granted := granted || n;
    claimed := claimed || chosen;
    claimers := claimers || array_fill(n, ARRAY[cardinality(chosen)]);
    IF who IS NOT NULL THEN
      active_counts[who] := active_counts[who] + 1;
    END IF;
  END LOOP;

  -- Everything granted is written at once: holds, rooms with their new fences, claims, audit rows, remembered answers.
  -- Choosing rooms of a type may have waited: a hold begins now.
  IF cardinality(granted) > 0 THEN
    granted_at := clock();
    hold_ids := ARRAY(SELECT hold_id_at(granted_at) FROM unnest(granted));
    WITH granting AS MATERIALIZED (
      SELECT g.n, g.hold_id, q.holder, q.created_by, q.reference, q.ttl_seconds, q.idempotency_key, q.fingerprint, q.request_id
      FROM unnest(granted, hold_ids) AS g(n, hold_id) JOIN (
        SELECT ordinality AS n, a.* FROM unnest(asked) WITH ORDINALITY a) q USING (n)
    ), placed AS (
      INSERT INTO hold AS h (hold_id, holder, created_by, reference, created_at, expires_at)
      SELECT g.hold_id, g.holder, g.created_by, g.reference, granted_at, granted_at + make_interval(secs => g.ttl_seconds)
      FROM granting g
      RETURNING h
    ), held AS (
      UPDATE room SET room_status = 'HELD', hold_id = (p.h).hold_id, hold_expires_at = (p.h).expires_at,
        fence = fence + 1, updated_at = granted_at
      FROM unnest(claimers, claimed) AS c(n, room_id) JOIN granting g USING (n) JOIN placed p ON (p.h).hold_id = g.hold_id
      WHERE room.room_id = c.room_id
      RETURNING g.n, g.request_id, room.room_id, room.room_no, room.fence, p.h
    ), linked AS (
      INSERT INTO hold_room (hold_id, room_id, fence)
      SELECT (h).hold_id, room_id, fence FROM held
    ), audited AS (
      INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, hold_id, request_id)
      SELECT granted_at, 'room', r.room_id::text, 'HOLD',
        jsonb_build_object('room_status', 'AVAILABLE', 'hold_id', NULL, 'hold_expires_at', NULL, 'fence', r.fence - 1),
        hold_audit_json(r.h, r.fence, granted_at), (r.h).created_by, (r.h).hold_id, r.request_id
      FROM held r
      ORDER BY r.room_id
    ), answered AS (
      SELECT r.n, (r.h).hold_id, hold_json(r.h,
        array_agg(ROW(r.room_id, r.room_no, r.fence)::claim_wire ORDER BY r.room_id), granted_at)::text AS body
      FROM held r
      GROUP BY r.n, r.h
    ), remembered AS (
      INSERT INTO idempotency_key AS k (created_by, key, fingerprint, hold_id, body, created_at)
      SELECT g.created_by, g.idempotency_key, g.fingerprint, a.hold_id, a.body, granted_at
      FROM answered a JOIN granting g USING (n)
      WHERE g.idempotency_key IS NOT NULL
      ON CONFLICT (created_by, key) DO UPDATE SET
        fingerprint = excluded.fingerprint, hold_id = excluded.hold_id, body = excluded.body, created_at = excluded.created_at
    )
    SELECT array_agg(CASE WHEN a.n IS NULL THEN outcomes[o.n]
      ELSE json_build_object('hold_id', a.hold_id, 'body', a.body, 'is_replay', false) END ORDER BY o.n)
    INTO outcomes
    FROM generate_series(1, cardinality(asked)) AS o(n) LEFT JOIN answered a USING (n);
  END IF;

  FOR n IN 1 .. cardinality(asked) LOOP
    IF outcomes[n] IS NULL THEN
      conflicts := room_conflicts(asked[n].room_ids, at);
      -- None is left if a room came free while this batch was at work.
      outcomes[n] := CASE WHEN json_array_length(conflicts) = 0 THEN '{"retry": "rooms"}'
        ELSE problem('room-unavailable', json_build_object('conflicts', conflicts)) END;
    END IF;
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- What a HOLD row says of a room that is now held.
CREATE FUNCTION hold_audit_json(h hold, fence integer, at timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'room_status', 'HELD', 'hold_id', h.hold_id, 'hold_expires_at', instant(h.expires_at), 'fence', fence,
    'holder', h.holder, 'created_by', h.created_by, 'reference', h.reference, 'updated_at', instant(at))
$$;

-- Ends an active hold, locked with its rooms: CONFIRMED (rooms BOOKED), RELEASED or REVOKED (rooms AVAILABLE).
CREATE FUNCTION hold_end(
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
  RETURN h;
END $$;

-- Locks these holds with their rooms; see rooms_lock.
CREATE FUNCTION holds_lock(requests jsonb) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
  hold_ids uuid[] := ARRAY(SELECT DISTINCT (q ->> 'hold_id')::uuid FROM jsonb_array_elements(requests) q);
BEGIN
  RETURN rooms_lock(ARRAY(SELECT DISTINCT room_id FROM hold_room WHERE hold_id = ANY (hold_ids)), hold_ids);
END $$;

-- Why a verb that wants an active hold can't have this one; null if it is active.
CREATE FUNCTION hold_over(h hold) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT CASE h.status
    WHEN 'CONFIRMED' THEN problem('hold-confirmed', json_build_object('ended_at', instant(h.ended_at)))
    WHEN 'RELEASED' THEN problem('hold-released', json_build_object('ended_at', instant(h.ended_at)))
    WHEN 'REVOKED' THEN problem('hold-revoked', json_build_object('ended_at', instant(h.ended_at)))
    WHEN 'EXPIRED' THEN problem('hold-expired', json_build_object('expires_at', instant(h.expires_at)))
  END
$$;

CREATE FUNCTION hold_outcome(h hold, at timestamptz) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT json_build_object('hold_id', h.hold_id, 'body', hold_json(h, hold_claims(h.hold_id), at)::text,
    'ms_left', CASE WHEN h.status = 'ACTIVE' THEN (extract(epoch FROM h.expires_at - at) * 1000)::bigint END)
$$;

-- [{"hold_id", "changes_all", "actor", "ttl_seconds", "lifetime_seconds_max", "request_id"}]. `changes_all` is false for
-- those who may change only what they placed: to them somebody else's hold does not exist.
CREATE FUNCTION hold_extend(requests jsonb) RETURNS json LANGUAGE plpgsql
SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  at timestamptz := holds_lock(requests);
  h hold;
  extended_to timestamptz;
  latest timestamptz;
BEGIN
  FOR request IN
    SELECT * FROM jsonb_to_recordset(requests)
      AS (hold_id uuid, changes_all boolean, actor text, ttl_seconds integer, lifetime_seconds_max integer, request_id text)
  LOOP
    SELECT * INTO h FROM hold
    WHERE hold.hold_id = request.hold_id AND (request.changes_all OR hold.created_by = request.actor);
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('hold-not-found'));
      CONTINUE;
    ELSIF h.status <> 'ACTIVE' THEN
      outcomes := array_append(outcomes, hold_over(h));
      CONTINUE;
    END IF;
    extended_to := at + make_interval(secs => request.ttl_seconds);
    latest := h.created_at + make_interval(secs => request.lifetime_seconds_max);
    IF extended_to > latest THEN
      outcomes := array_append(outcomes,
        problem('hold-lifetime-exceeded', json_build_object('expires_at', instant(latest))));
      CONTINUE;
    END IF;
    INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, hold_id, request_id)
    SELECT at, 'room', room_id::text, 'EXTEND', jsonb_build_object('hold_expires_at', instant(h.expires_at)),
      jsonb_build_object('hold_expires_at', instant(extended_to), 'updated_at', instant(at)),
      request.actor, h.hold_id, request.request_id
    FROM hold_room c WHERE c.hold_id = h.hold_id ORDER BY c.room_id;
    UPDATE room SET hold_expires_at = extended_to, updated_at = at
    FROM hold_room c WHERE c.hold_id = h.hold_id AND room.room_id = c.room_id AND room.hold_id = h.hold_id;
    UPDATE hold SET expires_at = extended_to WHERE hold.hold_id = h.hold_id RETURNING * INTO h;
    outcomes := array_append(outcomes, hold_outcome(h, at));
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- [{"hold_id", "changes_all", "actor", "request_id"}]
CREATE FUNCTION hold_release(requests jsonb) RETURNS json LANGUAGE plpgsql
SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  at timestamptz := holds_lock(requests);
  h hold;
BEGIN
  FOR request IN
    SELECT * FROM jsonb_to_recordset(requests) AS (hold_id uuid, changes_all boolean, actor text, request_id text)
  LOOP
    SELECT * INTO h FROM hold
    WHERE hold.hold_id = request.hold_id AND (request.changes_all OR hold.created_by = request.actor);
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('hold-not-found'));
    ELSIF h.status = 'CONFIRMED' THEN
      outcomes := array_append(outcomes, hold_over(h));
    ELSE
      IF h.status = 'ACTIVE' THEN
        h := hold_end(h, 'RELEASED', NULL, at, request.actor, request.request_id);
      END IF;
      outcomes := array_append(outcomes, hold_outcome(h, at));
    END IF;
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- [{"hold_id", "changes_all", "actor", "booking_reference", "reacquire", "request_id"}]
CREATE FUNCTION hold_confirm(requests jsonb) RETURNS json LANGUAGE plpgsql
SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  outcomes json[] := '{}';
  request record;
  at timestamptz := holds_lock(requests);
  h hold;
  claimed integer[];
  conflicts json;
BEGIN
  FOR request IN
    SELECT * FROM jsonb_to_recordset(requests) AS (
      hold_id uuid, changes_all boolean, actor text, booking_reference text, reacquire boolean, request_id text)
  LOOP
    SELECT * INTO h FROM hold
    WHERE hold.hold_id = request.hold_id AND (request.changes_all OR hold.created_by = request.actor);
    IF NOT FOUND THEN
      outcomes := array_append(outcomes, problem('hold-not-found'));
      CONTINUE;
    ELSIF h.status = 'CONFIRMED' AND h.booking_reference IS NOT DISTINCT FROM request.booking_reference THEN
      outcomes := array_append(outcomes, hold_outcome(h, at));
      CONTINUE;
    ELSIF h.status = 'EXPIRED' AND request.reacquire AND at <= h.expires_at + interval '24 hours' THEN
      claimed := ARRAY(SELECT room_id FROM hold_room c WHERE c.hold_id = h.hold_id);
      conflicts := room_conflicts(claimed, at);
      IF json_array_length(conflicts) > 0 THEN
        outcomes := array_append(outcomes,
          problem('hold-expired', json_build_object('expires_at', instant(h.expires_at), 'conflicts', conflicts)));
        CONTINUE;
      END IF;
      h := hold_reacquire(h, at, request.actor, request.request_id);
    ELSIF h.status <> 'ACTIVE' THEN
      outcomes := array_append(outcomes, hold_over(h));
      CONTINUE;
    END IF;
    h := hold_end(h, 'CONFIRMED', request.booking_reference, at, request.actor, request.request_id);
    outcomes := array_append(outcomes, hold_outcome(h, at));
  END LOOP;
  RETURN array_to_json(outcomes);
END $$;

-- Gives an expired hold its rooms again, locked and free, each with a new fence, on the way to being confirmed.
CREATE FUNCTION hold_reacquire(h hold, at timestamptz, actor text, request_id text) RETURNS hold LANGUAGE plpgsql AS $$
BEGIN
  WITH claimed AS (
    UPDATE room SET room_status = 'HELD', hold_id = h.hold_id, hold_expires_at = h.expires_at, fence = room.fence + 1
    FROM hold_room c WHERE c.hold_id = h.hold_id AND room.room_id = c.room_id
    RETURNING room.room_id, room.fence
  ), linked AS (
    UPDATE hold_room SET fence = claimed.fence, is_live = true
    FROM claimed WHERE hold_room.hold_id = h.hold_id AND hold_room.room_id = claimed.room_id
  )
  INSERT INTO audit_log (at, entity, entity_id, action, old_value, new_value, actor, hold_id, request_id)
  SELECT at, 'room', room_id::text, 'HOLD',
    jsonb_build_object('room_status', 'AVAILABLE', 'hold_id', NULL, 'hold_expires_at', NULL, 'fence', fence - 1),
    hold_audit_json(h, fence, at), actor, h.hold_id, request_id
  FROM claimed c ORDER BY c.room_id;
  h.is_reacquired := true;
  RETURN h;
END $$;
