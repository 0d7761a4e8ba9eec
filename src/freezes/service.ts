/** Owns freezing and unfreezing rooms. */
import { type Asker, isRetry, openCommand, settled } from '../commands.ts';
import type { Platform } from '../platform.ts';
import { Problem } from '../problems.ts';
import type { FreezeReason } from '../rooms/room.ts';
import type { Room } from '../rooms/schemas.ts';
import { type Freeze, freezeWords, isBlank } from './schemas.ts';

/** A room changes holders between a look at it and its row lock rarely, and hardly ever this often in a row. */
const supersedeTriesMax = 10;

type FreezeRequest = Readonly<{
  room_id: number;
  freeze_reason: FreezeReason;
  freeze_note: string | undefined;
  expires_in_seconds: number | undefined;
  supersede_hold: boolean;
}>;

/** Opens the verbs on freezes on a platform. They throw the problems that the HTTP contract names for them. */
export function openFreezeService(platform: Pick<Platform, 'database' | 'cache' | 'metrics' | 'tracing'>) {
  const freeze = openCommand<FreezeRequest, { room: Room; revoked_hold_id: string | null }>(
    platform,
    'room_freeze',
  );
  const unfreeze = openCommand<{ room_id: number }, { room: Room }>(platform, 'room_unfreeze');

  return {
    /** Freezes a room, or replaces the reason, note and end of its freeze. May revoke the hold that it is in. */
    async freezeRoom(roomId: number, wanted: Freeze, asker: Asker): Promise<Room> {
      const request: FreezeRequest & Asker = {
        room_id: roomId,
        ...reasonAndNote(wanted),
        expires_in_seconds: wanted.expires_in_seconds,
        supersede_hold: wanted.supersede_hold ?? false,
        ...asker,
      };
      for (let tries = 1; tries <= supersedeTriesMax; tries += 1) {
        const frozen = await freeze(request).catch((error: unknown) => {
          // A hold may have been revoked all the same; which one is not known.
          if (request.supersede_hold && isOutcomeUnknown(error)) platform.cache.hold.dropAll();
          throw error;
        });
        if (isRetry(frozen)) continue;
        if (frozen.revoked_hold_id !== null) platform.cache.hold.drop([frozen.revoked_hold_id]);
        return frozen.room;
      }
      throw new Problem('overloaded', 'The room went from hold to hold while it was to be frozen.');
    },

    /** Ends a room's freeze. */
    async unfreezeRoom(roomId: number, asker: Asker): Promise<Room> {
      return settled(await unfreeze({ room_id: roomId, ...asker })).room;
    },
  };
}

/** What the free text of an admin means; the schema has refused what means two things, or none. */
function reasonAndNote(wanted: Freeze): { freeze_reason: FreezeReason; freeze_note: string | undefined } {
  const { freeze_reason: typed = '', freeze_note: note } = wanted;
  const word = freezeWords.find((reason) => reason === typed);
  if (word !== undefined) return { freeze_reason: word, freeze_note: note };
  return { freeze_reason: 'ADMIN_LOCK', freeze_note: isBlank(typed) ? note : typed };
}

function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof Problem && error.code === 'outcome-unknown';
}
