/** Owns the examples of the audit trail in the OpenAPI document. */
import type { OperationExamples } from '../http/openapi-document.ts';

/** Of GET /audit. */
export const auditExamples: OperationExamples = {
  parameters: {
    entity: 'room',
    entity_id: '5',
    hold_id: '019aac8f-1d2b-7c41-9f3a-5b0c6e7d8f90',
    action: 'FREEZE',
    actor: 'admin',
    from: '2026-11-22T00:00:00Z',
    to: '2026-11-23T00:00:00+01:00',
    limit: 20,
  },
  answer: {
    entries: [
      {
        audit_id: 64,
        at: '2026-11-22T17:05:56.383Z',
        entity: 'room',
        entity_id: '5',
        action: 'FREEZE',
        old_value: {
          room_status: 'AVAILABLE',
          freeze_reason: 'NONE',
          freeze_note: null,
          updated_at: '2026-11-22T17:00:12.041Z',
        },
        new_value: {
          room_status: 'FROZEN',
          freeze_reason: 'ADMIN_LOCK',
          freeze_note: 'Water damage',
          updated_at: '2026-11-22T17:05:56.383Z',
        },
        actor: 'admin',
        hold_id: null,
        request_id: '0b8f3c52-7f0e-4a5e-9d53-1c1f6a2b7e90',
      },
    ],
    next_cursor: null,
  },
};
