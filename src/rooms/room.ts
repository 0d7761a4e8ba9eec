/**
 * Owns the words of the domain.
 *
 * - room: what is locked and held. Its status is AVAILABLE, BOOKED, MAINTENANCE, FROZEN or HELD.
 * - freeze: an admin's lock on a room, for cleaning, maintenance or any other reason; it may end by itself.
 * - hold: a holder's claim on one or several rooms during a checkout. It ends once: CONFIRMED (the rooms are BOOKED),
 *   RELEASED, EXPIRED (by itself, at `expires_at`) or REVOKED (superseded by a freeze).
 * - holder: whom a hold is for; the `sub` that places it is `created_by`.
 * - fence: a number of a room that rises with every hold granted on it; whoever acts on a room downstream can refuse a
 *   smaller one than one already seen.
 * - sweep: a pass of the worker that tidies what is over. Nothing waits for it: a hold or freeze that has passed its
 *   end is over, tidied or not.
 * - row lock: Postgres's lock on a row. "Lock" means nothing else in this code.
 *
 * How the states follow each other is drawn in docs/state-machine.md, and decided in the command functions of
 * prisma/migrations.
 */

/** What a room is at an instant. */
export const roomStatuses = ['AVAILABLE', 'BOOKED', 'MAINTENANCE', 'FROZEN', 'HELD'] as const;
export type RoomStatus = (typeof roomStatuses)[number];

/** Why a room is frozen: NONE if and only if it is not. */
export const freezeReasons = ['NONE', 'CLEANING', 'ADMIN_LOCK', 'SYSTEM_HOLD'] as const;
export type FreezeReason = (typeof freezeReasons)[number];
