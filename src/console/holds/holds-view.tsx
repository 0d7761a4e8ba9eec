/** Owns the view of holds: which are listed, placing one by hand, and acting on those that may be acted on. */
import { Plus } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { Hold } from '../api/wire.ts';
import { usePlace } from '../layout/use-place.ts';
import { Button } from '../parts/button.tsx';
import { ChoiceField } from '../parts/fields.tsx';
import { RoomFilter, TextFilter } from '../parts/filter-fields.tsx';
import { More } from '../parts/more.tsx';
import { Empty, Failure, Waiting } from '../parts/notice.tsx';
import { say } from '../parts/toast.tsx';
import { useSignedIn } from '../session/context.tsx';
import { type HoldAct, HoldActDialog } from './hold-dialogs.tsx';
import { HoldRow } from './hold-row.tsx';
import { holdStatusText } from './hold-status.tsx';
import { holdFilterOf, holdStatuses } from './holds.ts';
import { PlaceHoldDialog } from './place-hold-dialog.tsx';
import { useHolds } from './use-holds.ts';
import '../parts/list.css';
import './holds.css';

const statusChoices = [
  { id: '', text: 'All holds' },
  ...holdStatuses.map((status) => ({ id: status, text: holdStatusText(status) })),
];

function Filters() {
  const { filters, filter } = usePlace();
  const set = useMemo(() => {
    const setterOf = (name: string) => (value: string | undefined) =>
      filter({ [name]: value, hold_id: undefined });
    return {
      holder: setterOf('holder'),
      reference: setterOf('reference'),
      bookingReference: setterOf('booking_reference'),
      room: setterOf('room_id'),
      status: setterOf('status'),
    };
  }, [filter]);
  return (
    <search className="list-filters" aria-label="Filter holds">
      <ChoiceField
        label="Status"
        isBare
        choices={statusChoices}
        value={filters.status ?? ''}
        onChange={(id) => set.status(id === '' ? undefined : id)}
      />
      <RoomFilter value={filters.room_id} onChange={set.room} />
      <TextFilter label="Holder" value={filters.holder ?? ''} onChange={set.holder} />
      <TextFilter label="Reference" value={filters.reference ?? ''} onChange={set.reference} />
      <TextFilter
        label="Booking reference"
        value={filters.booking_reference ?? ''}
        onChange={set.bookingReference}
      />
    </search>
  );
}

function NoHolds({ isFiltered, showAll }: { isFiltered: boolean; showAll: () => void }) {
  if (!isFiltered) return <Empty title="No holds yet">A hold keeps rooms for a checkout.</Empty>;
  return (
    <Empty title="No holds match" action={<Button onPress={showAll}>Show all holds</Button>}>
      A filter compares the whole text, capital letters included.
    </Empty>
  );
}

/** The list; `act` is told what the person wants to do with a hold. */
function List({ act }: { act: (act: HoldAct) => void }) {
  const { filters, filter } = usePlace();
  const holdFilter = useMemo(() => holdFilterOf(filters), [filters]);
  const query = useHolds(holdFilter, filters.hold_id);
  const names = Object.keys(filters);
  const showAll = (): void => filter(Object.fromEntries(names.map((name) => [name, undefined])));
  const holds: readonly Hold[] = query.data?.pages.flatMap((page) => page.holds) ?? [];
  if (query.data === undefined) {
    if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
    return <Waiting what="holds" />;
  }
  if (holds.length === 0) return <NoHolds isFiltered={names.length > 0} showAll={showAll} />;
  return (
    <>
      <div className="holds-head" aria-hidden>
        <span>Status</span>
        <span>Time left, or end</span>
        <span>Rooms</span>
        <span>For</span>
        <span>Reference</span>
      </div>
      <ul className="holds-list">
        {holds.map((hold) => (
          <HoldRow key={hold.hold_id} hold={hold} act={act} />
        ))}
      </ul>
      {filters.hold_id === undefined ? (
        <More query={query} shownCount={holds.length} what="holds" />
      ) : (
        <p className="more">
          <Button onPress={showAll}>Show all holds</Button>
        </p>
      )}
    </>
  );
}

/** Holds, active and ended. */
export function HoldsView() {
  const { may } = useSignedIn();
  const [act, setAct] = useState<HoldAct>();
  const [isPlacing, setPlacing] = useState(false);
  const close = (told?: string): void => {
    setAct(undefined);
    setPlacing(false);
    if (told !== undefined) say(told);
  };
  return (
    <div className="list-view">
      <header className="list-head">
        <h1>Holds</h1>
        <Filters />
        {may('ROOM_HOLD:WRITE') && (
          <Button tone="primary" onPress={() => setPlacing(true)}>
            <Plus aria-hidden /> Place a hold
          </Button>
        )}
      </header>
      <List act={setAct} />
      {act && <HoldActDialog act={act} onClose={close} />}
      {isPlacing && <PlaceHoldDialog onClose={close} />}
    </div>
  );
}
