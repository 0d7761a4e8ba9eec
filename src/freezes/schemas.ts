/** Owns freezes on the wire. */
import { z } from 'zod';
import { integer, optional, optionalBody, text } from '../wire-schemas.ts';

const secondsMin = 60;
const secondsMax = 31_536_000; // a year

/** The words that set the reason of a freeze. */
export const freezeWords = ['CLEANING', 'ADMIN_LOCK', 'SYSTEM_HOLD'] as const;

/** Tells whether a reason says nothing. */
export function isBlank(reason: string): boolean {
  return !/\S/u.test(reason);
}

/** What an admin types to freeze a room. */
export const freezeSchema = optionalBody(
  z
    .strictObject({
      freeze_reason: optional(text(0, 500)).meta({
        description:
          '`CLEANING`, `ADMIN_LOCK` or `SYSTEM_HOLD` to the letter sets the reason; any other text is kept as the note ' +
          'of an `ADMIN_LOCK`; absent or blank is `ADMIN_LOCK`',
      }),
      freeze_note: optional(text(0, 500)),
      expires_in_seconds: optional(integer(secondsMin, secondsMax)).meta({
        description: 'the freeze then ends by itself',
      }),
      supersede_hold: optional(z.boolean()).meta({
        description: 'revokes the whole hold that the room is in, if it is held',
      }),
    })
    .superRefine(({ freeze_reason: reason, freeze_note: note }, context) => {
      if (reason === undefined || isBlank(reason) || freezeWords.some((word) => word === reason)) return;
      const message =
        reason === 'NONE'
          ? 'must not be NONE: to end a freeze, DELETE it'
          : 'must be CLEANING, ADMIN_LOCK or SYSTEM_HOLD beside a freeze_note';
      if (reason === 'NONE' || note !== undefined)
        context.addIssue({ code: 'custom', path: ['freeze_reason'], message });
    }),
);
export type Freeze = z.output<typeof freezeSchema>;
