/** Owns one hold in the list: what it is, how long it still is, and what may be done with it. */
import { Check, Clock, History, X } from 'lucide-react';
import type { Hold } from '../api/wire.ts';
import { hashOf } from '../layout/place.ts';
import { timeText, timeTextFull } from '../layout/times.ts';
import { useHasPassed, useRemaining } from '../live/hooks.ts';
import { Button } from '../parts/button.tsx';
import { useSignedIn } from '../session/context.tsx';
import type { HoldAct } from './hold-dialogs.tsx';
import { HoldStatusMark, holdStatusText } from './hold-status.tsx';
import { isReacquirable, mayAct, roomsTitle, statusNow } from './holds.ts';

function Left({ expiresAt }: { expiresAt: string }) {
  const left = useRemaining(expiresAt);
  return (
    <>
      <strong className="hold-left" role="timer">
        {left}
      </strong>
      <small title={timeTextFull(expiresAt)}>until {timeText(expiresAt)}</small>
    </>
  );
}

function Ended({ hold }: { hold: Hold }) {
  // Between its end and the tidying a hold has no ended_at; it will be its end.
  const endedAt = hold.ended_at ?? hold.expires_at;
  return <span title={timeTextFull(endedAt)}>{timeText(endedAt)}</span>;
}

/** Rooms as links to the board; more than this are counted. */
const roomsShownMax = 8;

function Rooms({ rooms }: Pick<Hold, 'rooms'>) {
  const shown = rooms.length > roomsShownMax + 1 ? rooms.slice(0, roomsShownMax) : rooms;
  const left = rooms.slice(shown.length);
  return (
    <span className="hold-rooms">
      {shown.map(({ room_id, room_no, fence }) => (
        <span key={room_id} className="hold-room" title={`Room ${room_no}, fence ${fence}`}>
          {room_no}
        </span>
      ))}
      {left.length > 0 && (
        <span className="hold-room hold-room-more" title={roomsTitle(left)}>
          and {left.length} more
        </span>
      )}
    </span>
  );
}

function Acts({ hold, isActive, act }: { hold: Hold; isActive: boolean; act: (act: HoldAct) => void }) {
  const { claims, live } = useSignedIn();
  const isExpired = hold.status === 'EXPIRED' || (hold.status === 'ACTIVE' && !isActive);
  const of = roomsTitle(hold.rooms);
  if (!mayAct(claims, hold)) return null;
  if (isExpired && isReacquirable(hold, live.clock.nowMs())) {
    return (
      <Button
        size="small"
        aria-label={`Confirm all the same: ${of}`}
        onPress={() => act({ verb: 'reacquire', hold })}
      >
        <Check aria-hidden /> Confirm all the same
      </Button>
    );
  }
  if (!isActive) return null;
  return (
    <>
      <Button size="small" aria-label={`Confirm: ${of}`} onPress={() => act({ verb: 'confirm', hold })}>
        <Check aria-hidden /> Confirm
      </Button>
      <Button size="small" aria-label={`Extend: ${of}`} onPress={() => act({ verb: 'extend', hold })}>
        <Clock aria-hidden /> Extend
      </Button>
      <Button
        size="small"
        tone="danger"
        aria-label={`Release: ${of}`}
        onPress={() => act({ verb: 'release', hold })}
      >
        <X aria-hidden /> Release
      </Button>
    </>
  );
}

/** A hold; `act` is told what the person wants to do with it. */
export function HoldRow({ hold, act }: { hold: Hold; act: (act: HoldAct) => void }) {
  const { may } = useSignedIn();
  const hasPassed = useHasPassed(hold.expires_at);
  const status = statusNow(hold, hasPassed);
  const isActive = status === 'ACTIVE';
  return (
    <li className="hold" aria-label={`${holdStatusText(status)}: ${roomsTitle(hold.rooms)}`}>
      <div className="hold-cell hold-cell-status">
        <HoldStatusMark status={status} />
      </div>
      <div className="hold-cell hold-cell-time">
        {isActive ? <Left expiresAt={hold.expires_at} /> : <Ended hold={hold} />}
      </div>
      <div className="hold-cell hold-cell-rooms">
        <span className="hold-label">Rooms</span>
        <Rooms rooms={hold.rooms} />
      </div>
      <div className="hold-cell">
        <span className="hold-label">For</span>
        <span className="hold-text">{hold.holder}</span>
        <small title={timeTextFull(hold.created_at)}>
          {hold.created_by === hold.holder ? 'placed' : `placed by ${hold.created_by}`},{' '}
          {timeText(hold.created_at)}
        </small>
      </div>
      <div className="hold-cell">
        <span className="hold-label">Reference</span>
        <span className="hold-text">{hold.reference ?? '–'}</span>
        {hold.booking_reference !== null && <small>booking {hold.booking_reference}</small>}
        {hold.reacquired && <small>taken back after it had expired</small>}
      </div>
      <div className="hold-acts">
        <Acts hold={hold} isActive={isActive} act={act} />
        {may('ROOM_MANAGEMENT:READ') && (
          <a
            className="hold-history"
            href={hashOf('audit', { hold_id: hold.hold_id })}
            title="What happened to this hold"
            aria-label={`What happened to this hold: ${roomsTitle(hold.rooms)}`}
          >
            <History aria-hidden />
          </a>
        )}
      </div>
    </li>
  );
}
