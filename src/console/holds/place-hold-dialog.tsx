/** Owns placing a hold by hand: certain rooms, or any of a type. */
import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { type FormEvent, useCallback, useRef, useState } from 'react';
import { Button as AriaButton, Radio, RadioGroup } from 'react-aria-components';
import type { HoldBody } from '../api/calls.ts';
import { Problem, unreachable } from '../api/problem.ts';
import { problemText } from '../api/problem-words.ts';
import type { Room, RoomType } from '../api/wire.ts';
import { timeTextExact } from '../layout/times.ts';
import { useRooms } from '../live/hooks.ts';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../parts/dialog.tsx';
import { ChoiceField, NumberField, TextField } from '../parts/fields.tsx';
import { Notice } from '../parts/notice.tsx';
import { RoomField } from '../parts/room-field.tsx';
import { useSignedIn } from '../session/context.tsx';
import { roomsTitle } from './holds.ts';
import { useHoldChange } from './use-holds.ts';
import './place-hold-dialog.css';

type Draft = {
  by: 'rooms' | 'type';
  roomIds: readonly number[];
  roomTypeId: string;
  quantity: number;
  minutes: number;
  reference: string;
  holder: string;
};

const emptyDraft = (roomIds: readonly number[]): Draft => ({
  by: 'rooms',
  roomIds,
  roomTypeId: '',
  quantity: 1,
  minutes: 15,
  reference: '',
  holder: '',
});

/** More than any server allows in one hold, so that the server's own limit is what is told. */
const quantityMax = 200;
const minutesMax = 24 * 60;

function bodyOf(draft: Draft): HoldBody {
  const { by, roomIds, roomTypeId, quantity, minutes, reference, holder } = draft;
  return {
    ...(by === 'rooms' ? { room_ids: [...roomIds] } : { room_type_id: Number(roomTypeId), quantity }),
    ttl_seconds: minutes * 60,
    ...(reference === '' ? {} : { reference }),
    ...(holder === '' ? {} : { holder }),
  };
}

/** What is missing before the server can be asked. */
function lackOf({ by, roomIds, roomTypeId }: Draft): string | undefined {
  if (by === 'rooms') return roomIds.length === 0 ? 'Choose a room first.' : undefined;
  return roomTypeId === '' ? 'Choose a type of room first.' : undefined;
}

/** The key of a wish: the same until the wish, or its outcome, is another. Not of `randomUUID`, which plain HTTP lacks. */
function useIdempotencyKey(): { keyOf: (body: HoldBody) => string; forget: () => void } {
  const kept = useRef<{ wish: string; key: string }>(undefined);
  const keyOf = (body: HoldBody): string => {
    const wish = JSON.stringify(body);
    if (kept.current?.wish !== wish) {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      kept.current = { wish, key: [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
    }
    return kept.current.key;
  };
  return { keyOf, forget: () => (kept.current = undefined) };
}

/** The ids of the rooms that a refusal names as not free. */
function conflictIdsOf(error: unknown): number[] {
  const conflicts = error instanceof Problem ? error.facts.conflicts : undefined;
  if (!Array.isArray(conflicts)) return [];
  return conflicts.map((conflict: { room_id: number }) => conflict.room_id);
}

function RoomsChosen({
  roomIds,
  onChange,
}: {
  roomIds: readonly number[];
  onChange: (ids: readonly number[]) => void;
}) {
  const rooms = useRooms();
  const isOffered = useCallback(
    ({ room_id, room_status }: Room) => room_status === 'AVAILABLE' && !roomIds.includes(room_id),
    [roomIds],
  );
  return (
    <div className="place-rooms">
      {roomIds.length > 0 && (
        <ul className="place-chosen" aria-label="Rooms to hold">
          {roomIds.map((roomId) => {
            const room = rooms.get(roomId);
            const isTaken = room?.room_status !== 'AVAILABLE';
            const number = room?.room_no ?? `#${roomId}`;
            return (
              <li key={roomId} className={isTaken ? 'place-room place-room-taken' : 'place-room'}>
                {number}
                {isTaken && <small>not free</small>}
                <AriaButton
                  aria-label={`Leave out room ${number}`}
                  onPress={() => onChange(roomIds.filter((id) => id !== roomId))}
                >
                  <X aria-hidden />
                </AriaButton>
              </li>
            );
          })}
        </ul>
      )}
      <RoomField
        label="Room to hold"
        value={undefined}
        isOffered={isOffered}
        isEmptiedByChoice
        onChange={(roomId) => roomId !== undefined && onChange([...roomIds, roomId])}
      />
    </div>
  );
}

function TypeChosen({ draft, change }: { draft: Draft; change: (part: Partial<Draft>) => void }) {
  const { calls } = useSignedIn();
  const rooms = useRooms();
  const types = useQuery({
    queryKey: ['room-types'],
    queryFn: async () => (await calls.listRoomTypes()).value.room_types,
  });
  const freeCount = ({ room_type_id }: RoomType): number =>
    [...rooms.values()].filter(
      (room) => room.room_type_id === room_type_id && room.room_status === 'AVAILABLE',
    ).length;
  const choices = (types.data ?? []).map((type) => ({
    id: String(type.room_type_id),
    text: `${type.name} (${freeCount(type)} free)`,
  }));
  return (
    <div className="place-type">
      <ChoiceField
        label="Type of room"
        choices={choices}
        value={draft.roomTypeId}
        onChange={(roomTypeId) => change({ roomTypeId })}
      />
      <NumberField
        label="How many"
        value={draft.quantity}
        onChange={(quantity) => change({ quantity: Number.isNaN(quantity) ? 1 : quantity })}
        minValue={1}
        maxValue={quantityMax}
      />
    </div>
  );
}

function Refusal({ error, leaveOut }: { error: unknown; leaveOut: (ids: readonly number[]) => void }) {
  const conflictIds = conflictIdsOf(error);
  return (
    <Notice tone="danger" isLive>
      <p>{error instanceof Error && !(error instanceof Problem) ? error.message : problemText(error)}</p>
      {conflictIds.length > 0 && (
        <Button size="small" onPress={() => leaveOut(conflictIds)}>
          Leave {conflictIds.length === 1 ? 'it' : 'them'} out
        </Button>
      )}
    </Notice>
  );
}

/** The dialog; `roomIds` are chosen from the start. `onClose` is told what was held, or nothing. */
export function PlaceHoldDialog({
  roomIds = [],
  onClose,
}: {
  roomIds?: readonly number[];
  onClose: (told?: string) => void;
}) {
  const { may } = useSignedIn();
  const [draft, setDraft] = useState(() => emptyDraft(roomIds));
  const [lack, setLack] = useState<string>();
  const { keyOf, forget } = useIdempotencyKey();
  const place = useHoldChange((calls, body: HoldBody) => calls.placeHold(body, keyOf(body)));
  // A refusal stays until the next try: were it to go while somebody presses Hold, the button would move away.
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const missing = lackOf(draft);
    setLack(missing);
    if (missing !== undefined) return;
    place.mutate(bodyOf(draft), {
      onSuccess: (hold) =>
        onClose(`${roomsTitle(hold.rooms)}: held until ${timeTextExact(hold.expires_at)}.`),
      onError: (error) => {
        // Where it is not known what happened, the same key finds out; a refusal is over with.
        const isUnknown = error instanceof Problem && [unreachable, 'outcome-unknown'].includes(error.code);
        if (!isUnknown) forget();
      },
    });
  };
  const refusal = lack === undefined ? place.error : new Error(lack);
  return (
    <Dialog title="Place a hold" isOpen onClose={() => onClose()} isBusy={place.isPending}>
      <form onSubmit={submit} noValidate>
        <DialogBody>
          <RadioGroup
            className="place-by"
            aria-label="What to hold"
            orientation="horizontal"
            value={draft.by}
            onChange={(by) => change({ by: by === 'type' ? 'type' : 'rooms' })}
          >
            <Radio value="rooms" className="place-by-choice">
              Certain rooms
            </Radio>
            <Radio value="type" className="place-by-choice">
              Any of a type
            </Radio>
          </RadioGroup>
          {draft.by === 'rooms' ? (
            <RoomsChosen roomIds={draft.roomIds} onChange={(ids) => change({ roomIds: ids })} />
          ) : (
            <TypeChosen draft={draft} change={change} />
          )}
          <NumberField
            label="Minutes"
            description="The rooms are free again after that, unless the hold is confirmed or extended."
            value={draft.minutes}
            onChange={(minutes) => change({ minutes: Number.isNaN(minutes) ? 15 : minutes })}
            minValue={1}
            maxValue={minutesMax}
          />
          <TextField
            label="Reference"
            description="A cart, a name or a phone call; may be left empty."
            value={draft.reference}
            onChange={(reference) => change({ reference })}
            maxLength={200}
          />
          {may('ROOM_HOLD:DELEGATE') && (
            <TextField
              label="For whom"
              description="The holder; yourself when left empty."
              value={draft.holder}
              onChange={(holder) => change({ holder })}
              maxLength={255}
            />
          )}
          {refusal && (
            <Refusal
              error={refusal}
              leaveOut={(ids) => {
                change({ roomIds: draft.roomIds.filter((id) => !ids.includes(id)) });
                place.reset();
              }}
            />
          )}
        </DialogBody>
        <DialogFoot>
          <Button onPress={() => onClose()} isDisabled={place.isPending}>
            Cancel
          </Button>
          <Button type="submit" tone="primary" isPending={place.isPending}>
            Hold
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
