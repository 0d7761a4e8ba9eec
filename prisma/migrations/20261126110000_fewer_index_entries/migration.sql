-- Fewer index entries for a hold that ends. An index entry costs a few microseconds and some WAL, a hold that ended had
-- 19 of them, and five of these nobody needs.

-- The end of a hold changed its status, and with it every index of `hold`: Postgres leaves indexes alone only when no
-- column of theirs changes and the page has room for the row's next version. So what was an index on the status is a
-- table of its own, of the holds that have ended; those that have not are found by their live claims.
CREATE TABLE "ended_hold" (
  "status" "hold_status" NOT NULL,
  "hold_id" UUID NOT NULL,

  CONSTRAINT "ended_hold_pkey" PRIMARY KEY ("status", "hold_id"),
  CONSTRAINT "ended_hold_not_active" CHECK ("status" <> 'ACTIVE')
);
-- No hold ends between the copy and the triggers.
LOCK TABLE "hold" IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO "ended_hold" SELECT "status", "hold_id" FROM "hold" WHERE "status" <> 'ACTIVE';

-- Many holds end in one statement of the worker.
CREATE FUNCTION "ended_holds_add"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ended_hold SELECT status, hold_id FROM changed WHERE status <> 'ACTIVE' ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER "hold_ended" AFTER UPDATE ON "hold" REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION "ended_holds_add"();

-- A hold that is reacquired ends a second time, and differently.
CREATE FUNCTION "ended_hold_remove"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM ended_hold WHERE status = OLD.status AND hold_id = OLD.hold_id;
  RETURN NULL;
END $$;
CREATE TRIGGER "hold_ended_anew" AFTER UPDATE ON "hold" FOR EACH ROW
  WHEN (OLD."status" <> 'ACTIVE' AND NEW."status" <> OLD."status") EXECUTE FUNCTION "ended_hold_remove"();

-- No command does these two: whoever brings holds from elsewhere, or takes old ones away, does.
CREATE FUNCTION "ended_hold_add"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ended_hold VALUES (NEW.status, NEW.hold_id);
  RETURN NULL;
END $$;
CREATE TRIGGER "hold_added_ended" AFTER INSERT ON "hold" FOR EACH ROW
  WHEN (NEW."status" <> 'ACTIVE') EXECUTE FUNCTION "ended_hold_add"();
CREATE TRIGGER "hold_removed" AFTER DELETE ON "hold" FOR EACH ROW
  WHEN (OLD."status" <> 'ACTIVE') EXECUTE FUNCTION "ended_hold_remove"();

DROP INDEX "hold_status_id";
CREATE INDEX "hold_room_live_hold" ON "hold_room" ("hold_id") WHERE "is_live";
-- Counts a holder's active holds: those whose end is to come, but for a few that have ended early.
CREATE INDEX "hold_holder_expires" ON "hold" ("created_by", "holder", "expires_at");
DROP INDEX "hold_active_holder";
-- Each hold has a second version, when it ends: it stands beside the first.
ALTER TABLE "hold" SET (fillfactor = 50);

-- Entries rise with time, so a span of time is found by halving the ids, without an index of its own.
DROP INDEX "audit_log_at";
-- The first id whose entry is not older than an instant, if ids rise with time. Transactions overlap: with a margin that
-- none of them lasts, nothing is lost.
CREATE FUNCTION audit_id_at(instant timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  low bigint := coalesce((SELECT min(audit_id) FROM audit_log), 0);
  high bigint := coalesce((SELECT max(audit_id) FROM audit_log), 0) + 1;
  middle bigint;
  found record;
BEGIN
  WHILE low < high LOOP
    middle := (low + high) / 2;
    SELECT audit_id, at INTO found FROM audit_log WHERE audit_id >= middle ORDER BY audit_id LIMIT 1;
    IF found.at < instant THEN
      low := found.audit_id + 1;
    ELSE
      high := middle;
    END IF;
  END LOOP;
  RETURN low;
END $$;

-- EXPIRE rows are the system's, and found by their actor.
DROP INDEX "audit_log_action";
CREATE INDEX "audit_log_action" ON "audit_log" ("action", "audit_id") WHERE "action" <> 'EXPIRE';

-- See the views and tidying. Rows that are locked already are written where they stand.
CREATE OR REPLACE FUNCTION holds_expire(hold_ids uuid[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ended uuid[];
  claimers uuid[];    -- the hold behind each claim,
  claimed integer[];  -- and its room
BEGIN
  WITH expired AS (
    UPDATE hold SET status = 'EXPIRED', ended_at = expires_at
    WHERE ctid = ANY (ARRAY(
      SELECT h.ctid FROM (SELECT ctid, status, expires_at FROM hold WHERE hold_id = ANY (hold_ids) OFFSET 0) h
      WHERE h.status = 'ACTIVE' AND h.expires_at <= at))
    RETURNING hold_id
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
  WHERE ctid = ANY (ARRAY(
    SELECT r.ctid
    FROM unnest(claimers, claimed) c (hold_id, room_id)
    JOIN room r ON r.room_id = c.room_id AND r.hold_id = c.hold_id
    FOR NO KEY UPDATE OF r SKIP LOCKED));
  RETURN cardinality(ended);
END $$;
