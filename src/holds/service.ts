/** Owns the verbs on holds: place, extend, confirm, release, and looking at them. */
import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { LoadedHold } from '../cache/holds.ts';
import { type Asker, isRetry, openCommand, type Retry, settled } from '../commands.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { Platform } from '../platform.ts';
import { Problem } from '../problems.ts';
import type { HoldConfirm, HoldListQuery, HoldPlace } from './schemas.ts';
import {
  type HoldCountsRow,
  type HoldPageRow,
  type HoldRow,
  selectHold,
  selectHoldCounts,
  selectHoldPage,
} from './sql.ts';

/** Who asks about holds: `seesAll` may read every hold, `changesAll` may change every hold. */
export type HoldAsker = Asker & Readonly<{ seesAll: boolean; changesAll: boolean; canDelegate: boolean }>;

type PlaceRequest = Readonly<{
  created_by: string;
  holder: string;
  holds_active_max: number | null;
  room_ids: readonly number[] | undefined;
  room_type_id: number | undefined;
  quantity: number | undefined;
  ttl_seconds: number;
  reference: string | undefined;
  idempotency_key: string | undefined;
  fingerprint: string | undefined;
  is_patient: boolean;
}>;

type VerbRequest = Readonly<{ hold_id: string; changes_all: boolean }>;

/** How long a request waits for one with its key, or for rooms of its type that are on the move. */
const patienceMsMax = 5_000;

const holdIdKey = z.tuple([z.uuid()]);

/** Opens the verbs on holds on a platform. They throw the problems that the HTTP contract names for them. */
export function openHoldService(
  platform: Pick<Platform, 'config' | 'database' | 'cache' | 'metrics' | 'tracing'>,
) {
  const { config, database, cache } = platform;
  const place = openCommand<PlaceRequest, { hold_id: string; body: string; is_replay: boolean }>(
    platform,
    'hold_place',
  );
  // One that waits for rooms goes alone: in a batch it would wait with the others' rooms locked.
  const placePatiently = openCommand<PlaceRequest, { hold_id: string; body: string; is_replay: boolean }>(
    platform,
    'hold_place',
    { batchRequestsMax: 1, flightsMax: 6 },
  );
  const extend = openCommand<VerbRequest & { ttl_seconds: number; lifetime_seconds_max: number }, HoldRow>(
    platform,
    'hold_extend',
  );
  const confirm = openCommand<VerbRequest & HoldConfirm, HoldRow>(platform, 'hold_confirm');
  const release = openCommand<VerbRequest, HoldRow>(platform, 'hold_release');

  /** Runs a verb on one hold, and keeps the hold as it is now for those who look. */
  async function change<Request>(
    verb: (request: Request & VerbRequest & Asker) => Promise<HoldRow | Retry>,
    holdId: string,
    request: Request,
    asker: HoldAsker,
  ): Promise<string> {
    const askedAtMs = performance.now();
    const { actor, request_id, changesAll: changes_all } = asker;
    const outcome = await verb({ ...request, hold_id: holdId, changes_all, actor, request_id }).catch(
      (error: unknown) => {
        // It may have been changed all the same, or found to be over.
        cache.hold.drop([holdId]);
        throw error;
      },
    );
    const changed = settled(outcome);
    cache.hold.put(holdId, loadedHold(changed), askedAtMs);
    return changed.body;
  }

  return {
    /**
     * Places a hold on all the rooms or on none. With a key, the same request answers the same hold for 24 hours,
     * to the byte. Answers it as JSON.
     */
    async placeHold(wanted: HoldPlace, key: string | undefined, asker: HoldAsker) {
      const holder = wanted.holder ?? asker.actor;
      if (holder !== asker.actor && !asker.canDelegate) {
        throw new Problem('permission-denied', 'Naming another holder needs ROOM_HOLD:DELEGATE.', {
          permissions: ['ROOM_HOLD:DELEGATE'],
        });
      }
      const isLimited = config.holdsActiveMax > 0 && !(asker.canDelegate && wanted.holder === undefined);
      const request = {
        created_by: asker.actor,
        holder,
        holds_active_max: isLimited ? config.holdsActiveMax : null,
        room_ids: wanted.room_ids,
        room_type_id: wanted.room_type_id,
        quantity: wanted.quantity,
        ttl_seconds: wanted.ttl_seconds ?? config.holdTtlSeconds,
        reference: wanted.reference,
        idempotency_key: key,
        fingerprint: key === undefined ? undefined : fingerprint(wanted),
        actor: asker.actor,
        request_id: asker.request_id,
      };
      const askedAtMs = performance.now();
      let placed = await place({ ...request, is_patient: false });
      const patientFromMs = performance.now();
      for (let pauseMs = 10; isRetry(placed); pauseMs = Math.min(2 * pauseMs, 200)) {
        if (performance.now() - patientFromMs > patienceMsMax) throw impatient(placed);
        // Jitter, so that those who met do not meet again.
        await delay(pauseMs * (0.5 + Math.random()));
        placed = await placePatiently({ ...request, is_patient: true });
      }
      if (!placed.is_replay) {
        cache.hold.put(
          placed.hold_id,
          { body: placed.body, ttlMs: msUntilChange(request.ttl_seconds * 1000) },
          askedAtMs,
        );
      }
      return { holdId: placed.hold_id, body: placed.body, isReplay: placed.is_replay };
    },

    /** Lets a hold end `ttlSeconds` from now. Answers it as JSON. */
    extendHold(holdId: string, ttlSeconds: number, asker: HoldAsker): Promise<string> {
      const request = { ttl_seconds: ttlSeconds, lifetime_seconds_max: config.holdLifetimeSecondsMax };
      return change(extend, holdId, request, asker);
    },

    /** Ends a hold with its rooms BOOKED; again with the same reference, the same. Answers it as JSON. */
    confirmHold(holdId: string, wanted: HoldConfirm, asker: HoldAsker): Promise<string> {
      return change(confirm, holdId, wanted, asker);
    },

    /** Ends a hold with its rooms free; one that is over already stays as it is. Answers it as JSON. */
    releaseHold(holdId: string, asker: HoldAsker): Promise<string> {
      return change(release, holdId, {}, asker);
    },

    /** The hold as JSON; after a change through another instance it may be 1 s behind. */
    async getHold(holdId: string, asker: HoldAsker): Promise<string> {
      const body = await cache.hold.read(holdId, async () => {
        const [row] = await database.read<{ hold: HoldRow }>(selectHold(holdId));
        return row === undefined ? undefined : loadedHold(row.hold);
      });
      if (body === undefined || !(asker.seesAll || createdBy(body) === asker.actor)) {
        throw new Problem('hold-not-found', 'No hold of yours has this id.');
      }
      return body;
    },

    /** A page of holds, newest first, as JSON. */
    async listHolds(query: HoldListQuery, asker: HoldAsker): Promise<string> {
      const { limit: _, cursor, ...filter } = query;
      const list = JSON.stringify(['holds', filter]);
      const [before] = cursor === undefined ? [] : decodeCursor(list, cursor, holdIdKey);
      const onlyBy = asker.seesAll ? undefined : asker.actor;
      const [page] = await database.read<HoldPageRow>(selectHoldPage(query, before, onlyBy));
      if (page === undefined) throw new Error('a list is one row');
      const nextCursor = page.has_more ? encodeCursor(list, [page.last_hold_id ?? '']) : null;
      return `{"holds":${page.holds},"next_cursor":${JSON.stringify(nextCursor)}}`;
    },
  };
}

/** How many holds are active now, and for how long the oldest that is over has waited to be tidied. */
export async function countHolds(database: Platform['database']): Promise<HoldCountsRow> {
  const [counts] = await database.read<HoldCountsRow>(selectHoldCounts());
  if (counts === undefined) throw new Error('counts are one row');
  return counts;
}

function loadedHold(hold: HoldRow): LoadedHold {
  return {
    body: hold.body,
    ttlMs: hold.ms_left === null ? Number.POSITIVE_INFINITY : msUntilChange(hold.ms_left),
  };
}

/**
 * How long the body is surely true: its seconds left count down. The database rounds its clock down to whole milliseconds,
 * so that up to one less is left than it says.
 */
function msUntilChange(msLeft: number): number {
  return msLeft > 0 ? (msLeft % 1000 || 1000) - 1 : 0;
}

const createdBySchema = z.object({ created_by: z.string() });

function createdBy(body: string): string {
  return createdBySchema.parse(JSON.parse(body)).created_by;
}

/** The same for two bodies that are the same JSON, but for the order of fields and fields that are null. */
function fingerprint(wanted: HoldPlace): string {
  const { room_ids, room_type_id, quantity, ttl_seconds, reference, holder } = wanted;
  const fields = JSON.stringify({ room_ids, room_type_id, quantity, ttl_seconds, reference, holder });
  return createHash('sha256').update(fields).digest('base64url');
}

function impatient({ retry }: Retry): Problem {
  return retry === 'rooms'
    ? new Problem('overloaded', 'The rooms of this type went from hand to hand while some were to be held.')
    : new Problem('request-in-progress', 'A request with this key is still running: ask again.');
}
