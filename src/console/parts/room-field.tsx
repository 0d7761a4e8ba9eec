/** Owns choosing a room by its number, out of any number of rooms. */
import { ChevronDown, X } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import {
  Button as AriaButton,
  ComboBox,
  FieldError,
  Group,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
} from 'react-aria-components';
import type { Room } from '../api/wire.ts';
import { useRooms } from '../live/hooks.ts';
import './room-field.css';

/** A list longer than this is typed into, not read. */
const offeredMax = 60;

const byNumber = new Intl.Collator(undefined, { numeric: true });

/** The rooms whose number begins with `typed`, in their natural order; those that merely contain it come after. */
export function roomsFor(rooms: Iterable<Room>, typed: string): Room[] {
  const wanted = typed.trim().toLowerCase();
  const found = [...rooms].filter(({ room_no }) => room_no.toLowerCase().includes(wanted));
  const rank = ({ room_no }: Room): number => (room_no.toLowerCase().startsWith(wanted) ? 0 : 1);
  return found
    .sort((one, other) => rank(one) - rank(other) || byNumber.compare(one.room_no, other.room_no))
    .slice(0, offeredMax);
}

type RoomFieldProps = {
  label: string;
  /** The label is for screen readers only. */
  isBare?: boolean;
  value: number | undefined;
  onChange: (roomId: number | undefined) => void;
  /** The rooms that are offered; all of them without. */
  isOffered?: (room: Room) => boolean;
  error?: string | undefined;
  /** Forgets what was chosen at once: for gathering several. */
  isEmptiedByChoice?: boolean;
};

/** A field for a room. What is typed and is no room's number chooses nothing. */
export function RoomField({
  label,
  isBare = false,
  value,
  onChange,
  isOffered,
  error,
  isEmptiedByChoice = false,
}: RoomFieldProps) {
  const rooms = useRooms();
  const shown = value === undefined ? '' : (rooms.get(value)?.room_no ?? `#${value}`);
  const [typed, setTyped] = useState(shown);
  useEffect(() => setTyped(shown), [shown]);
  const offered = useMemo(() => {
    const all = [...rooms.values()].filter((room) => isOffered?.(room) ?? true);
    return roomsFor(all, typed === shown ? '' : typed);
  }, [rooms, isOffered, typed, shown]);
  const choose = (roomId: number | undefined): void => {
    onChange(roomId);
    setTyped(isEmptiedByChoice || roomId === undefined ? '' : (rooms.get(roomId)?.room_no ?? ''));
  };
  return (
    <ComboBox
      className="field room-field"
      items={offered}
      inputValue={typed}
      onInputChange={(text) => {
        setTyped(text);
        if (text === '' && value !== undefined) onChange(undefined);
      }}
      selectedKey={value ?? null}
      onSelectionChange={(key) => {
        // A null is the field's own doing, when what is typed is no room.
        if (key !== null) choose(Number(key));
        else if (!isEmptiedByChoice) setTyped(shown);
      }}
      menuTrigger="focus"
      allowsEmptyCollection
      isInvalid={error !== undefined}
      validationBehavior="aria"
      {...(isBare ? { 'aria-label': label } : {})}
    >
      {!isBare && <Label className="field-label">{label}</Label>}
      <Group className="room-field-group">
        <Input className="field-input" placeholder={isBare ? label : 'Number'} />
        {value === undefined ? (
          <AriaButton className="room-field-button" aria-label="Show rooms">
            <ChevronDown aria-hidden />
          </AriaButton>
        ) : (
          <AriaButton
            slot={null}
            className="room-field-button"
            aria-label={`Clear ${label.toLowerCase()}`}
            onPress={() => choose(undefined)}
          >
            <X aria-hidden />
          </AriaButton>
        )}
      </Group>
      {error !== undefined && <FieldError className="field-error">{error}</FieldError>}
      <Popover className="popover" offset={4}>
        <ListBox<Room>
          className="menu room-field-menu"
          renderEmptyState={() => <p className="room-field-none">No such room</p>}
        >
          {(room) => (
            <ListBoxItem id={room.room_id} textValue={room.room_no} className="menu-item">
              <span className="menu-text">{room.room_no}</span>
              {room.floor !== null && <small className="room-field-floor">Floor {room.floor}</small>}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
