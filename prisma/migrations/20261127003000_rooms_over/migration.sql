-- Rooms whose hold or timed freeze is over, though their rows do not say so yet, from the one index that is in the order of
-- their ends. Left to choose, Postgres goes by what it saw when it last looked: it reads every room that is held where
-- none was then, and every room there is where many were over then. Few are: the worker ends them.

CREATE FUNCTION rooms_held_over(at timestamptz) RETURNS SETOF room LANGUAGE sql STABLE ROWS 10
SET enable_seqscan = off SET enable_sort = off AS $$
  SELECT * FROM room WHERE room_status = 'HELD' AND hold_expires_at <= at ORDER BY hold_expires_at, room_id
$$;
CREATE FUNCTION rooms_frozen_over(at timestamptz) RETURNS SETOF room LANGUAGE sql STABLE ROWS 10
SET enable_seqscan = off SET enable_sort = off AS $$
  SELECT * FROM room WHERE room_status = 'FROZEN' AND freeze_expires_at <= at ORDER BY freeze_expires_at
$$;

-- See the commands on holds.
CREATE OR REPLACE FUNCTION rooms_of_type_over(wanted_type integer, at timestamptz) RETURNS SETOF integer LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_sort = off AS $$
  (SELECT room_id FROM room
   WHERE room_status = 'HELD' AND hold_expires_at <= at AND room_type_id = wanted_type AND NOT is_deleted
   ORDER BY hold_expires_at, room_id)
  UNION ALL
  (SELECT room_id FROM room
   WHERE room_status = 'FROZEN' AND freeze_expires_at <= at AND NOT frozen_from_maintenance
     AND room_type_id = wanted_type AND NOT is_deleted
   ORDER BY freeze_expires_at)
$$;
