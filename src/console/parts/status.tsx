/** Owns how a room's status looks and reads: a word, a shape and a colour, never a colour alone. */
import { BedDouble, Circle, Hourglass, type LucideIcon, Snowflake, Wrench } from 'lucide-react';
import type { RoomStatus } from '../api/wire.ts';
import './status.css';

/** The word (and a short one, for where there is no room) and the shape of each status; the colour is `--available` and so on. */
export const statusLooks: Readonly<Record<RoomStatus, { name: string; short: string; Icon: LucideIcon }>> = {
  AVAILABLE: { name: 'Available', short: 'Available', Icon: Circle },
  HELD: { name: 'Held', short: 'Held', Icon: Hourglass },
  BOOKED: { name: 'Booked', short: 'Booked', Icon: BedDouble },
  FROZEN: { name: 'Frozen', short: 'Frozen', Icon: Snowflake },
  MAINTENANCE: { name: 'Maintenance', short: 'Maint.', Icon: Wrench },
};

/** A room's status beside other text. */
export function StatusMark({ status }: { status: RoomStatus }) {
  const { name, Icon } = statusLooks[status];
  return (
    <span className="status-mark" data-status={status}>
      <Icon aria-hidden /> {name}
    </span>
  );
}
