/** Owns one room on the board. */
import { Check } from 'lucide-react';
import { memo } from 'react';
import type { Room } from '../api/wire.ts';
import { timeTextFull } from '../layout/times.ts';
import { useRemaining } from '../live/hooks.ts';
import { statusLooks } from '../parts/status.tsx';
import { reasonNames } from './freeze-form.ts';

/** What is left until a hold or freeze ends, by the database's clock. */
export function Remaining({ until }: { until: string }) {
  const left = useRemaining(until);
  return (
    <time className="remaining" dateTime={until} title={timeTextFull(until)}>
      {left}
    </time>
  );
}

/** What a room's status is, and how long. */
function Line({ room }: { room: Room }) {
  const { name } = statusLooks[room.room_status];
  const until = room.hold_expires_at ?? room.freeze_expires_at;
  return until === null ? (
    name
  ) : (
    <>
      {name} <Remaining until={until} />
    </>
  );
}

const more = (room: Room, beside: string): string => {
  if (room.room_status === 'FROZEN') {
    const reason = reasonNames[room.freeze_reason];
    return room.freeze_note === null ? reason : `${reason}: ${room.freeze_note}`;
  }
  return (room.room_status === 'BOOKED' && room.booking_reference) || beside;
};

type Props = {
  room: Room;
  /** What the room's group does not tell already: its type, or its floor. */
  beside: string;
  isSelected: boolean;
  /** Whether the tab key leads here: to one tile of the grid only. */
  isStop: boolean;
};

/** A room's tile; drawn again only when something about it changes. */
export const Tile = memo(function Tile({ room, beside, isSelected, isStop }: Props) {
  const { Icon } = statusLooks[room.room_status];
  const last = more(room, beside);
  return (
    <div
      role="option"
      aria-selected={isSelected}
      tabIndex={isStop ? 0 : -1}
      className="tile"
      data-room={room.room_id}
      data-status={room.room_status}
    >
      <span className="tile-no">{room.room_no}</span>
      <Icon className="tile-icon" aria-hidden />
      <span className="tile-line">
        <Line room={room} />
      </span>
      <span className="tile-more" title={last}>
        {last}
      </span>
      {isSelected && <Check className="tile-check" aria-hidden />}
    </div>
  );
});
