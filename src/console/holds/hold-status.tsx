/** Owns how the status of a hold looks: a word, a shape and a colour. */
import { Ban, CircleCheck, Timer, TimerOff, Undo2 } from 'lucide-react';
import type { HoldStatus } from '../api/wire.ts';

const looks = {
  ACTIVE: { text: 'Active', Icon: Timer },
  CONFIRMED: { text: 'Confirmed', Icon: CircleCheck },
  RELEASED: { text: 'Released', Icon: Undo2 },
  EXPIRED: { text: 'Expired', Icon: TimerOff },
  REVOKED: { text: 'Revoked', Icon: Ban },
} as const;

/** The word for a status. */
export const holdStatusText = (status: HoldStatus): string => looks[status].text;

/** A hold's status. */
export function HoldStatusMark({ status }: { status: HoldStatus }) {
  const { text, Icon } = looks[status];
  return (
    <span className={`hold-status hold-status-${status.toLowerCase()}`}>
      <Icon aria-hidden /> {text}
    </span>
  );
}
