/** Owns what is told about the selected rooms, and what can be done with them. */
import { useQuery } from '@tanstack/react-query';
import { ClipboardList, Snowflake, Sun, Timer, X } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Room } from '../api/wire.ts';
import { hashOf } from '../layout/place.ts';
import { timeText, timeTextFull } from '../layout/times.ts';
import { Button } from '../parts/button.tsx';
import { StatusMark } from '../parts/status.tsx';
import { useSignedIn } from '../session/context.tsx';
import { roomsText } from './batch.ts';
import { statuses } from './filters.ts';
import { reasonNames } from './freeze-form.ts';
import { Remaining } from './tile.tsx';

type Props = {
  chosen: readonly Room[];
  typeNames: ReadonlyMap<number, string>;
  onFreeze: () => void;
  onUnfreeze: () => void;
  onClear: () => void;
};

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const When = ({ at }: { at: string }) => (
  <time dateTime={at} title={timeTextFull(at)}>
    {timeText(at)}
  </time>
);

/** Who holds the room; only those who may read holds are told, as only they are given its id. */
function Holder({ room, holdId }: { room: Room; holdId: string }) {
  const { calls } = useSignedIn();
  const { data: hold } = useQuery({
    queryKey: ['holds', holdId],
    queryFn: async ({ signal }) => (await calls.getHold(holdId, signal)).value,
  });
  const others = hold?.rooms.filter(({ room_id: id }) => id !== room.room_id).map((other) => other.room_no);
  return (
    <>
      <Fact name="Held by">{hold?.holder ?? '…'}</Fact>
      <Fact name="Held with">{others === undefined ? '…' : others.join(', ') || 'No other room'}</Fact>
    </>
  );
}

function Facts({ room, typeName }: { room: Room; typeName: string }) {
  return (
    <dl className="facts">
      <Fact name="Type">{typeName}</Fact>
      <Fact name="Floor">{room.floor ?? 'None'}</Fact>
      {room.hold_expires_at !== null && (
        <Fact name="Held until">
          <When at={room.hold_expires_at} /> (<Remaining until={room.hold_expires_at} /> left)
        </Fact>
      )}
      {room.hold_id !== null && <Holder room={room} holdId={room.hold_id} />}
      {room.room_status === 'FROZEN' && (
        <>
          <Fact name="Reason">{reasonNames[room.freeze_reason]}</Fact>
          {room.freeze_note !== null && <Fact name="Note">{room.freeze_note}</Fact>}
          <Fact name="Ends">
            {room.freeze_expires_at === null ? 'When it is unfrozen' : <When at={room.freeze_expires_at} />}
          </Fact>
        </>
      )}
      {room.booking_reference !== null && <Fact name="Booking">{room.booking_reference}</Fact>}
      <Fact name="Changed">
        <When at={room.updated_at} />
      </Fact>
      <Fact name="Fence">{room.fence}</Fact>
    </dl>
  );
}

function Actions({ chosen, onFreeze, onUnfreeze }: Props) {
  const { may } = useSignedIn();
  if (!may('ROOM_MANAGEMENT:WRITE')) return null;
  const frozenCount = chosen.filter((room) => room.room_status === 'FROZEN').length;
  const isChange = chosen.length === 1 && frozenCount === 1;
  return (
    <div className="inspector-actions">
      <Button tone={isChange ? 'plain' : 'primary'} onPress={onFreeze}>
        <Snowflake aria-hidden /> {isChange ? 'Change freeze' : 'Freeze'}
      </Button>
      {frozenCount > 0 && (
        <Button tone={isChange ? 'primary' : 'plain'} onPress={onUnfreeze}>
          <Sun aria-hidden /> {chosen.length === 1 ? 'Unfreeze' : `Unfreeze ${frozenCount}`}
        </Button>
      )}
    </div>
  );
}

function Links({ room }: { room: Room }) {
  const { may } = useSignedIn();
  if (!may('ROOM_MANAGEMENT:READ')) return null;
  return (
    <nav className="inspector-links" aria-label={`More about room ${room.room_no}`}>
      <a href={hashOf('holds', { room_id: String(room.room_id) })}>
        <Timer aria-hidden /> Its holds
      </a>
      <a href={hashOf('audit', { entity: 'room', entity_id: String(room.room_id) })}>
        <ClipboardList aria-hidden /> What happened to it
      </a>
    </nav>
  );
}

function Several({ chosen }: { chosen: readonly Room[] }) {
  return (
    <ul className="inspector-several">
      {statuses.map((status) => {
        const rooms = chosen.filter((room) => room.room_status === status);
        return rooms.length === 0 ? null : (
          <li key={status}>
            <StatusMark status={status} />
            <span>{rooms.map((room) => room.room_no).join(', ')}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** The panel beside the tiles, or over their end on a small screen. */
export function Inspector(props: Props) {
  const { chosen, typeNames, onClear } = props;
  const [room] = chosen;
  const { may } = useSignedIn();
  if (room === undefined) {
    return (
      <aside className="inspector inspector-empty" aria-label="Selected rooms">
        <p>
          {may('ROOM_MANAGEMENT:WRITE')
            ? 'Select one or more rooms to see them, freeze them or unfreeze them.'
            : 'Select a room to see it.'}
        </p>
      </aside>
    );
  }
  const isOne = chosen.length === 1;
  return (
    <aside className="inspector" aria-label="Selected rooms">
      <header className="inspector-head">
        <h2>{isOne ? `Room ${room.room_no}` : `${roomsText(chosen.length)} selected`}</h2>
        {isOne && <StatusMark status={room.room_status} />}
        <Button tone="quiet" size="small" aria-label="Select nothing" onPress={onClear}>
          <X aria-hidden />
        </Button>
      </header>
      <div className="inspector-body">
        {isOne ? (
          <Facts room={room} typeName={typeNames.get(room.room_type_id) ?? ''} />
        ) : (
          <Several chosen={chosen} />
        )}
        {isOne && <Links room={room} />}
      </div>
      <Actions {...props} />
    </aside>
  );
}
