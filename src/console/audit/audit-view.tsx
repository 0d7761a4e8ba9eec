/** Owns the view of the audit trail: what is asked for, and what happened. */
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { AuditAction, AuditEntry } from '../api/wire.ts';
import { hashOf } from '../layout/place.ts';
import { usePlace } from '../layout/use-place.ts';
import { useRooms } from '../live/hooks.ts';
import { Button } from '../parts/button.tsx';
import { ChoiceField } from '../parts/fields.tsx';
import { InstantFilter, RoomFilter, TextFilter } from '../parts/filter-fields.tsx';
import { More } from '../parts/more.tsx';
import { Empty, Failure, Waiting } from '../parts/notice.tsx';
import { useSignedIn } from '../session/context.tsx';
import { AuditRow } from './audit-row.tsx';
import { actionTexts, changesOf, subjectOf } from './changes.ts';
import { auditFilterOf, useAudit } from './use-audit.ts';
import '../parts/list.css';
import './audit.css';

const isAction = (text: string): text is AuditAction => text in actionTexts;

const actionChoices = [
  { id: '', text: 'All that happened' },
  ...Object.keys(actionTexts)
    .filter(isAction)
    .map((action) => ({ id: action, text: actionTexts[action] })),
];

function Filters() {
  const { filters, filter } = usePlace();
  const set = useMemo(
    () => ({
      action: (id: string) => filter({ action: id === '' ? undefined : id }),
      room: (roomId: string | undefined) =>
        filter({ entity: roomId === undefined ? undefined : 'room', entity_id: roomId }),
      actor: (actor: string | undefined) => filter({ actor }),
      holdId: (hold_id: string | undefined) => filter({ hold_id: hold_id?.trim().toLowerCase() }),
      from: (from: string | undefined) => filter({ from }),
      to: (to: string | undefined) => filter({ to }),
    }),
    [filter],
  );
  return (
    <search className="list-filters" aria-label="Filter the audit trail">
      <ChoiceField
        label="Action"
        isBare
        choices={actionChoices}
        value={filters.action ?? ''}
        onChange={set.action}
      />
      <RoomFilter value={filters.entity === 'room' ? filters.entity_id : undefined} onChange={set.room} />
      <TextFilter label="Person" value={filters.actor ?? ''} onChange={set.actor} />
      <TextFilter label="Hold id" value={filters.hold_id ?? ''} onChange={set.holdId} />
      <InstantFilter label="From" value={filters.from} onChange={set.from} />
      <InstantFilter label="To" value={filters.to} onChange={set.to} />
    </search>
  );
}

/** The names that things have now, by which entries about them are told. */
function useNames() {
  const { calls } = useSignedIn();
  const rooms = useRooms();
  const types = useQuery({
    queryKey: ['room-types'],
    queryFn: async () => (await calls.listRoomTypes()).value.room_types,
  });
  return useMemo(() => {
    const typeNames = new Map((types.data ?? []).map(({ room_type_id, name }) => [room_type_id, name]));
    const nameOf = ({ entity, entity_id }: AuditEntry): string | undefined =>
      entity === 'room' ? rooms.get(Number(entity_id))?.room_no : typeNames.get(Number(entity_id));
    // A number that becomes a name while it is read would startle.
    const unknown = (roomTypeId: number): string => (types.data === undefined ? '…' : `#${roomTypeId}`);
    return { nameOf, typeName: (roomTypeId: number) => typeNames.get(roomTypeId) ?? unknown(roomTypeId) };
  }, [rooms, types.data]);
}

function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  const { nameOf, typeName } = useNames();
  return (
    <ul className="audit-list">
      {entries.map((entry) => (
        <AuditRow
          key={entry.audit_id}
          entry={entry}
          subject={subjectOf(entry, nameOf(entry))}
          changes={changesOf(entry, typeName)}
        />
      ))}
    </ul>
  );
}

function List() {
  const { filters } = usePlace();
  const query = useAudit(useMemo(() => auditFilterOf(filters), [filters]));
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  if (query.data === undefined) {
    if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
    return <Waiting what="the audit trail" />;
  }
  if (entries.length === 0) {
    const showAll = () => window.location.assign(hashOf('audit'));
    return (
      <Empty title="Nothing of this kind happened" action={<Button onPress={showAll}>Show all</Button>} />
    );
  }
  return (
    <>
      <Entries entries={entries} />
      <More query={query} shownCount={entries.length} what="entries" />
    </>
  );
}

/** What happened, per room, hold and person. */
export function AuditView() {
  const { filters } = usePlace();
  const { may } = useSignedIn();
  if (!may('ROOM_MANAGEMENT:READ')) {
    return <Empty title="The audit trail is not for this token">It needs ROOM_MANAGEMENT:READ.</Empty>;
  }
  return (
    <div className="list-view">
      <header className="list-head">
        <h1>Audit</h1>
        <Filters />
        {filters.hold_id !== undefined && (
          <a href={hashOf('holds', { hold_id: filters.hold_id })}>See the hold</a>
        )}
        {Object.keys(filters).length > 0 && <a href={hashOf('audit')}>Show all</a>}
      </header>
      <List />
    </div>
  );
}
