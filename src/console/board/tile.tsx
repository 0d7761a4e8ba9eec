/** Owns one room on the board. */
import { Check } from 'lucide-react';
import { memo } from 'react';
import { ListBoxItem } from 'react-aria-components';
import type { Room } from '../api/wire.ts';
import { timeText, timeTextFull } from '../layout/times.ts';
import { useRemaining } from '../live/hooks.ts';
import { statusLooks } from '../parts/status.tsx';
import { reasonNames } from './freeze-form.ts';

/** What is left of a hold, by the database's clock. */
export function Remaining({ until }: { until: string }) {
  const left = useRemaining(until);
  return (
    <time className="remaining" dateTime={until} title={timeTextFull(until)}>
      {left}
    </time>
  );
}

/** What a room's status comes with: time left, reason, reference. */
function Line({ room }: { room: Room }) {
  const { name } = statusLooks[room.room_status];
  if (room.room_status === 'HELD' && room.hold_expires_at !== null) {
    return (
      <>
        {name} <Remaining until={room.hold_expires_at} />
      </>
    );
  }
  if (room.room_status === 'FROZEN') return `${name}: ${reasonNames[room.freeze_reason].toLowerCase()}`;
  return name;
}

const more = (room: Room, beside: string): string => {
  if (room.room_status === 'FROZEN') {
    const end = room.freeze_expires_at === null ? '' : `until ${timeText(room.freeze_expires_at)}`;
    return [room.freeze_note, end].filter(Boolean).join(', ') || beside;
  }
  return (room.room_status === 'BOOKED' && room.booking_reference) || beside;
};

/** A room's tile. `beside` is what the room's group does not tell already: its type, or its floor. */
export const Tile = memo(function Tile({ id, room, beside }: { id: number; room: Room; beside: string }) {
  const { Icon } = statusLooks[room.room_status];
  const last = more(room, beside);
  return (
    <ListBoxItem id={id} textValue={room.room_no} className="tile" data-status={room.room_status}>
      <span className="tile-no">{room.room_no}</span>
      <Icon className="tile-icon" aria-hidden />
      <span className="tile-line">
        <Line room={room} />
      </span>
      <span className="tile-more" title={last}>
        {last}
      </span>
      <Check className="tile-check" aria-hidden />
    </ListBoxItem>
  );
});
