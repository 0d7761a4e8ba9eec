-- The tables, their rules and their indexes. A rule is a named constraint: the name is what an error shows.

-- Room numbers sort as people count: 2 before 10, A9 before A10.
CREATE COLLATION "natural_order" (provider = icu, locale = 'und-u-kn-true');

CREATE TYPE "room_status" AS ENUM ('AVAILABLE', 'BOOKED', 'MAINTENANCE', 'FROZEN', 'HELD');
CREATE TYPE "freeze_reason" AS ENUM ('NONE', 'CLEANING', 'ADMIN_LOCK', 'SYSTEM_HOLD');
CREATE TYPE "hold_status" AS ENUM ('ACTIVE', 'CONFIRMED', 'RELEASED', 'EXPIRED', 'REVOKED');
CREATE TYPE "audit_entity" AS ENUM ('room', 'room_type');
CREATE TYPE "audit_action" AS ENUM
  ('CREATE', 'UPDATE', 'DELETE', 'FREEZE', 'UNFREEZE', 'HOLD', 'EXTEND', 'CONFIRM', 'RELEASE', 'EXPIRE', 'REVOKE');

CREATE TABLE "room_type" (
  "room_type_id" SERIAL NOT NULL,
  "name" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  "is_deleted" BOOLEAN NOT NULL DEFAULT false,

  CONSTRAINT "room_type_pkey" PRIMARY KEY ("room_type_id"),
  CONSTRAINT "room_type_name_length" CHECK (char_length("name") BETWEEN 1 AND 100)
);
CREATE UNIQUE INDEX "room_type_name_unique_when_live" ON "room_type" ("name") WHERE NOT "is_deleted";

-- Every hold rewrites its rooms' rows: space is left in each page for their next versions.
CREATE TABLE "room" (
  "room_id" SERIAL NOT NULL,
  "room_no" TEXT COLLATE "natural_order" NOT NULL,
  "room_type_id" INTEGER NOT NULL,
  "floor" TEXT,
  "room_status" "room_status" NOT NULL DEFAULT 'AVAILABLE',
  "freeze_reason" "freeze_reason" NOT NULL DEFAULT 'NONE',
  "freeze_note" TEXT,
  "freeze_expires_at" TIMESTAMPTZ(3),
  "frozen_from_maintenance" BOOLEAN NOT NULL DEFAULT false,
  "hold_id" UUID,
  "hold_expires_at" TIMESTAMPTZ(3),
  "booking_reference" TEXT,
  "fence" INTEGER NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  "is_deleted" BOOLEAN NOT NULL DEFAULT false,

  CONSTRAINT "room_pkey" PRIMARY KEY ("room_id"),
  CONSTRAINT "room_room_type_id_fkey" FOREIGN KEY ("room_type_id") REFERENCES "room_type" ("room_type_id")
    ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "room_no_length" CHECK (char_length("room_no") BETWEEN 1 AND 50),
  CONSTRAINT "room_floor_length" CHECK (char_length("floor") <= 50),
  CONSTRAINT "room_fence_not_negative" CHECK ("fence" >= 0),
  CONSTRAINT "room_held_iff_hold" CHECK (("room_status" = 'HELD') = ("hold_id" IS NOT NULL)),
  CONSTRAINT "room_held_iff_hold_expires" CHECK (("room_status" = 'HELD') = ("hold_expires_at" IS NOT NULL)),
  CONSTRAINT "room_reason_iff_frozen" CHECK (("room_status" = 'FROZEN') = ("freeze_reason" <> 'NONE')),
  CONSTRAINT "room_freeze_facts_only_when_frozen"
    CHECK ("room_status" = 'FROZEN' OR ("freeze_note" IS NULL AND "freeze_expires_at" IS NULL)),
  CONSTRAINT "room_booking_reference_only_when_booked" CHECK ("room_status" = 'BOOKED' OR "booking_reference" IS NULL),
  CONSTRAINT "room_deleted_only_when_idle" CHECK (NOT "is_deleted" OR "room_status" IN ('AVAILABLE', 'MAINTENANCE'))
) WITH (fillfactor = 85);
-- A room number belongs to one live room; also serves the list in its default order.
CREATE UNIQUE INDEX "room_no_unique_when_live" ON "room" ("room_no") WHERE NOT "is_deleted";
-- A prefix of room numbers is a range in byte order only.
CREATE INDEX "room_no_prefix" ON "room" ("room_no" COLLATE "C") WHERE NOT "is_deleted";
-- A list filtered by status, type or floor reads one range per status, each already in order.
CREATE INDEX "room_status_no" ON "room" ("room_status", "room_no") WHERE NOT "is_deleted";
CREATE INDEX "room_type_status_no" ON "room" ("room_type_id", "room_status", "room_no") WHERE NOT "is_deleted";
CREATE INDEX "room_floor_status_no" ON "room" ("floor", "room_status", "room_no") WHERE NOT "is_deleted";
CREATE INDEX "room_freeze_reason_no" ON "room" ("freeze_reason", "room_no") WHERE "room_status" = 'FROZEN';
-- What ends by itself, soonest first: the worker's work, and the list of held rooms by expiry.
CREATE INDEX "room_hold_expires" ON "room" ("hold_expires_at", "room_id") WHERE "room_status" = 'HELD';
CREATE INDEX "room_freeze_expires" ON "room" ("freeze_expires_at")
  WHERE "room_status" = 'FROZEN' AND "freeze_expires_at" IS NOT NULL;

CREATE TABLE "hold" (
  "hold_id" UUID NOT NULL,
  "status" "hold_status" NOT NULL DEFAULT 'ACTIVE',
  "holder" TEXT NOT NULL,
  "created_by" TEXT NOT NULL,
  "reference" TEXT,
  "booking_reference" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  "ended_at" TIMESTAMPTZ(3),
  "is_reacquired" BOOLEAN NOT NULL DEFAULT false,

  CONSTRAINT "hold_pkey" PRIMARY KEY ("hold_id"),
  CONSTRAINT "hold_ended_iff_not_active" CHECK (("status" = 'ACTIVE') = ("ended_at" IS NULL)),
  CONSTRAINT "hold_booking_reference_only_when_confirmed" CHECK ("status" = 'CONFIRMED' OR "booking_reference" IS NULL),
  CONSTRAINT "hold_reacquired_only_when_confirmed" CHECK ("status" = 'CONFIRMED' OR NOT "is_reacquired")
);
-- hold_id is a UUIDv7 by the database's clock: its order is the order of placing.
CREATE INDEX "hold_status_id" ON "hold" ("status", "hold_id");
CREATE INDEX "hold_created_by_id" ON "hold" ("created_by", "hold_id");
CREATE INDEX "hold_holder_id" ON "hold" ("holder", "hold_id");
CREATE INDEX "hold_reference_id" ON "hold" ("reference", "hold_id") WHERE "reference" IS NOT NULL;
CREATE INDEX "hold_booking_reference_id" ON "hold" ("booking_reference", "hold_id") WHERE "booking_reference" IS NOT NULL;
-- Counts a holder's active holds.
CREATE INDEX "hold_active_holder" ON "hold" ("created_by", "holder") WHERE "status" = 'ACTIVE';

CREATE TABLE "hold_room" (
  "hold_id" UUID NOT NULL,
  "room_id" INTEGER NOT NULL,
  "fence" INTEGER NOT NULL DEFAULT 0,
  "is_live" BOOLEAN NOT NULL DEFAULT true,

  CONSTRAINT "hold_room_pkey" PRIMARY KEY ("hold_id", "room_id"),
  CONSTRAINT "hold_room_hold_id_fkey" FOREIGN KEY ("hold_id") REFERENCES "hold" ("hold_id")
    ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT "hold_room_room_id_fkey" FOREIGN KEY ("room_id") REFERENCES "room" ("room_id")
    ON DELETE RESTRICT ON UPDATE RESTRICT
);
-- The one promise: whatever goes wrong above, a room has one live holder.
CREATE UNIQUE INDEX "hold_room_one_live_per_room" ON "hold_room" ("room_id") WHERE "is_live";
CREATE INDEX "hold_room_room_id_hold" ON "hold_room" ("room_id", "hold_id");

CREATE TABLE "idempotency_key" (
  "created_by" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "hold_id" UUID NOT NULL,
  "body" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),

  CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("created_by", "key")
);
-- The oldest first, for the worker.
CREATE INDEX "idempotency_key_created_at" ON "idempotency_key" ("created_at");

CREATE TABLE "audit_log" (
  "audit_id" BIGSERIAL NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
  "xid" xid8 NOT NULL DEFAULT pg_current_xact_id(),
  "entity" "audit_entity" NOT NULL,
  "entity_id" TEXT NOT NULL,
  "action" "audit_action" NOT NULL,
  "old_value" JSONB,
  "new_value" JSONB,
  "actor" TEXT NOT NULL,
  "hold_id" UUID,
  "request_id" TEXT,

  CONSTRAINT "audit_log_pkey" PRIMARY KEY ("audit_id")
);
CREATE INDEX "audit_log_entity_id" ON "audit_log" ("entity_id", "audit_id");
CREATE INDEX "audit_log_room_type" ON "audit_log" ("audit_id") WHERE "entity" = 'room_type';
CREATE INDEX "audit_log_hold" ON "audit_log" ("hold_id", "audit_id") WHERE "hold_id" IS NOT NULL;
CREATE INDEX "audit_log_actor" ON "audit_log" ("actor", "audit_id");
CREATE INDEX "audit_log_action" ON "audit_log" ("action", "audit_id");
-- Finds the ids between which a span of time lies.
CREATE INDEX "audit_log_at" ON "audit_log" ("at");
-- The commit-safe order of events: a row is final once every transaction before its own has ended.
CREATE INDEX "audit_log_commit_order" ON "audit_log" ("xid", "audit_id");

CREATE FUNCTION "audit_log_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit_log is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER "audit_log_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit_log"
  FOR EACH STATEMENT EXECUTE FUNCTION "audit_log_refuse"();
