/** Owns the part of the audit trail that is loaded, and which part the address asks for. */
import { useInfiniteQuery } from '@tanstack/react-query';
import type { AuditFilter } from '../api/calls.ts';
import type { AuditPage } from '../api/wire.ts';
import { useRefresh } from '../live/use-refresh.ts';
import { useSignedIn } from '../session/context.tsx';

const queryKey = 'audit';

/** The entries that the address asks for; the filter is the contract's, name by name. */
export function auditFilterOf(filters: Readonly<Record<string, string>>): AuditFilter {
  const { entity, entity_id, hold_id, action, actor, from, to } = filters;
  return { entity, entity_id, hold_id, action, actor, from, to };
}

/** Entries newest first, page after page; new ones come by themselves. */
export function useAudit(filter: AuditFilter) {
  const { calls } = useSignedIn();
  useRefresh(queryKey);
  return useInfiniteQuery({
    queryKey: [queryKey, filter],
    queryFn: async ({ pageParam, signal }): Promise<AuditPage> =>
      (await calls.listAuditEntries({ ...filter, cursor: pageParam, signal })).value,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
  });
}
