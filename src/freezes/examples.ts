/** Owns the examples of freezes in the OpenAPI document. They work on the demonstration property. */
import type { OperationExamples } from '../http/openapi-document.ts';
import { roomExample } from '../rooms/examples.ts';

/** Of each operation on freezes. */
export const freezeExamples = {
  freeze: {
    parameters: { room_id: 5 },
    bodies: {
      text: { summary: 'A reason in words', value: { freeze_reason: 'Water damage' } },
      cleaning: {
        summary: 'For two hours of cleaning',
        value: { freeze_reason: 'CLEANING', freeze_note: 'Carpet', expires_in_seconds: 7200 },
      },
      supersede: {
        summary: 'Even if it is held: the hold is revoked',
        value: { freeze_reason: 'ADMIN_LOCK', supersede_hold: true },
      },
      nothing: { summary: 'Without a reason', value: {} },
    },
    answer: {
      ...roomExample,
      room_status: 'FROZEN',
      freeze_reason: 'ADMIN_LOCK',
      freeze_note: 'Water damage',
      updated_at: '2026-11-22T17:05:56.383Z',
    },
  },
  unfreeze: { parameters: { room_id: 5 }, answer: roomExample },
} satisfies Record<string, OperationExamples>;
