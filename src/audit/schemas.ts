/** Owns the audit trail on the wire. */
import { z } from 'zod';
import { cursor, holdId, instant, limit, text, timestamp } from '../wire-schemas.ts';

export const auditActions = [
  'CREATE',
  'UPDATE',
  'DELETE',
  'FREEZE',
  'UNFREEZE',
  'HOLD',
  'EXTEND',
  'CONFIRM',
  'RELEASE',
  'EXPIRE',
  'REVOKE',
] as const;

const value = z.record(z.string(), z.unknown()).nullable();

/** What happened to one room or room type: the fields that changed, before and after. */
export const auditEntrySchema = z
  .strictObject({
    audit_id: z.int().min(1),
    at: timestamp,
    entity: z.enum(['room', 'room_type']),
    entity_id: z.string(),
    action: z.enum(auditActions),
    old_value: value,
    new_value: value,
    actor: z.string(),
    hold_id: z.uuid().nullable(),
    request_id: z.string().nullable(),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntry = z.infer<typeof auditEntrySchema>;

export const auditPageSchema = z
  .strictObject({ entries: z.array(auditEntrySchema), next_cursor: z.string().nullable() })
  .meta({ id: 'AuditPage' });

export const auditQuerySchema = z.strictObject({
  entity: z.enum(['room', 'room_type']).optional(),
  entity_id: text(1, 20).optional(),
  hold_id: holdId.optional(),
  action: z.enum(auditActions).optional(),
  actor: text(1, 255).optional(),
  from: instant.optional().meta({ description: 'entries of this instant and later' }),
  to: instant.optional().meta({ description: 'entries up to this instant' }),
  limit,
  cursor: cursor.optional(),
});
export type AuditQuery = z.output<typeof auditQuerySchema>;
