/** Owns reading the audit trail. */
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { Platform } from '../platform.ts';
import type { AuditQuery } from './schemas.ts';
import { type AuditPageRow, selectAuditPage } from './sql.ts';

const auditIdKey = z.tuple([z.int().min(1)]);

/** Opens reading the audit trail on a platform. */
export function openAuditService({ database }: Pick<Platform, 'database'>) {
  return {
    /** A page of entries, newest first, as JSON. Throws `cursor-invalid`. */
    async listAuditEntries(query: AuditQuery): Promise<string> {
      const { limit: _, cursor, ...filter } = query;
      const list = JSON.stringify(['audit', filter]);
      const [before] = cursor === undefined ? [] : decodeCursor(list, cursor, auditIdKey);
      const [page] = await database.read<AuditPageRow>(selectAuditPage(query, before));
      if (page === undefined) throw new Error('a list is one row');
      const nextCursor = page.has_more ? encodeCursor(list, [Number(page.last_audit_id)]) : null;
      return `{"entries":${page.entries},"next_cursor":${JSON.stringify(nextCursor)}}`;
    },
  };
}
