/** Owns freezing rooms: what is asked first, how it goes, and asking again before a hold is ended by it. */
import { type FormEvent, useRef, useState } from 'react';
import type { FreezeBody } from '../api/calls.ts';
import { Problem } from '../api/problem.ts';
import type { Room } from '../api/wire.ts';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../parts/dialog.tsx';
import { ChoiceField, TextAreaField } from '../parts/fields.tsx';
import { Notice } from '../parts/notice.tsx';
import { say } from '../parts/toast.tsx';
import { useSignedIn } from '../session/context.tsx';
import { roomsText } from './batch.ts';
import { BatchFailures, BatchProgress } from './batch-report.tsx';
import { EndField } from './end-field.tsx';
import { type FreezeForm, freezeBodyOf, freezeFormOf, reasonChoices } from './freeze-form.ts';
import { type Batch, useBatch } from './use-batch.ts';

type Props = { rooms: readonly Room[]; onClose: () => void };

const titleOf = (rooms: readonly Room[]): string => {
  const [room] = rooms;
  if (rooms.length !== 1 || room === undefined) return `Freeze ${roomsText(rooms.length)}`;
  return room.room_status === 'FROZEN'
    ? `Change the freeze of room ${room.room_no}`
    : `Freeze room ${room.room_no}`;
};

function FormStep({ rooms, onClose, onSubmit }: Props & { onSubmit: (body: FreezeBody) => void }) {
  const { clock } = useSignedIn().live;
  const [form, setForm] = useState(() => freezeFormOf(rooms));
  const [errors, setErrors] = useState<{ note?: string; endsAt?: string }>({});
  const change = (changes: Partial<FreezeForm>): void => setForm({ ...form, ...changes });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const asked = freezeBodyOf(form, clock.nowMs());
    if ('errors' in asked) setErrors(asked.errors);
    else onSubmit(asked.body);
  };
  return (
    <form onSubmit={submit} noValidate>
      <DialogBody>
        <ChoiceField
          label="Reason"
          autoFocus
          choices={reasonChoices}
          value={form.reason}
          onChange={(reason) => change({ reason })}
        />
        <TextAreaField
          label="Note"
          description="Shown on the board to those who may read it."
          value={form.note}
          onChange={(note) => change({ note })}
          error={errors.note}
        />
        <EndField form={form} onChange={change} error={errors.endsAt} />
      </DialogBody>
      <DialogFoot>
        <Button onPress={onClose}>Cancel</Button>
        <Button type="submit" tone="primary">
          {titleOf(rooms).startsWith('Change') ? 'Save' : 'Freeze'}
        </Button>
      </DialogFoot>
    </form>
  );
}

/** Some rooms are held: whether to end those holds is the person's to say. */
function HeldStep({
  over,
  onClose,
  onSupersede,
}: {
  over: Extract<Batch, { step: 'over' }>;
  onClose: () => void;
  onSupersede: (rooms: readonly Room[]) => void;
}) {
  const held = over.left.filter((outcome) => outcome.kind === 'held');
  const failed = over.left.filter((outcome) => outcome.kind === 'failed');
  return (
    <>
      <DialogBody>
        {over.doneCount > 0 && <p>{roomsText(over.doneCount)} frozen.</p>}
        <Notice tone="warning" isLive>
          {held.length === 1 ? 'One room is' : `${roomsText(held.length)} are`} held for a checkout. Freezing{' '}
          {held.length === 1 ? 'it ends the whole hold' : 'them ends those holds as a whole'}: the customer
          can no longer confirm, and the other rooms of the same hold become free.
        </Notice>
        <BatchFailures left={held} />
        {failed.length > 0 && (
          <>
            <p>This did not work:</p>
            <BatchFailures left={failed} />
          </>
        )}
      </DialogBody>
      <DialogFoot>
        <Button onPress={onClose} autoFocus>
          {held.length === 1 ? 'Leave it held' : 'Leave them held'}
        </Button>
        <Button tone="danger" onPress={() => onSupersede(held.map(({ room }) => room))}>
          End {held.length === 1 ? 'the hold' : 'the holds'} and freeze
        </Button>
      </DialogFoot>
    </>
  );
}

/** What did not work, after all has been tried. */
export function FailedStep({
  over,
  doneText,
  onClose,
  onRetry,
}: {
  over: Extract<Batch, { step: 'over' }>;
  doneText: string;
  onClose: () => void;
  onRetry: (rooms: readonly Room[]) => void;
}) {
  const passing = over.left.filter((outcome) => outcome.kind === 'failed' && outcome.isPassing);
  return (
    <>
      <DialogBody>
        <Notice tone="danger" isLive>
          {over.doneCount > 0 ? `${roomsText(over.doneCount)} ${doneText}. ` : ''}
          {over.left.length === 1 ? 'One room was' : `${roomsText(over.left.length)} were`} not changed:
        </Notice>
        <BatchFailures left={over.left} />
      </DialogBody>
      <DialogFoot>
        {passing.length > 0 && (
          <Button onPress={() => onRetry(passing.map(({ room }) => room))}>Try again</Button>
        )}
        <Button tone="primary" onPress={onClose} autoFocus>
          Close
        </Button>
      </DialogFoot>
    </>
  );
}

/** What the server would answer about a room that is known to be held: it need not be asked. */
const heldProblem = (room: Room): Problem =>
  new Problem({
    code: 'room-held',
    status: 409,
    title: '',
    detail: '',
    hold_expires_at: room.hold_expires_at,
  });

/** Freezes rooms; it closes by itself when all of them are frozen. */
export function FreezeDialog({ rooms, onClose }: Props) {
  const { calls } = useSignedIn();
  const { batch, run } = useBatch();
  const body = useRef<FreezeBody>({});
  const freeze = async (asked: readonly Room[], supersede: boolean): Promise<void> => {
    const outcomes = await run(asked, async (room) => {
      if (!supersede && room.room_status === 'HELD') throw heldProblem(room);
      const extra = supersede ? { supersede_hold: true } : {};
      return (await calls.freezeRoom(room.room_id, { ...body.current, ...extra })).value;
    });
    if (outcomes.length === 0 || outcomes.some(({ kind }) => kind !== 'done')) return;
    const [room] = outcomes.map((outcome) => outcome.room.room_no);
    say(asked.length === 1 ? `Room ${room} is frozen.` : `${roomsText(asked.length)} are frozen.`);
    onClose();
  };
  const isHeld = batch.step === 'over' && batch.left.some(({ kind }) => kind === 'held');
  return (
    <Dialog title={titleOf(rooms)} isOpen onClose={onClose} isBusy={batch.step === 'running'}>
      {batch.step === 'asking' && (
        <FormStep
          rooms={rooms}
          onClose={onClose}
          onSubmit={(asked) => {
            body.current = asked;
            void freeze(rooms, false);
          }}
        />
      )}
      {batch.step === 'running' && (
        <DialogBody>
          <BatchProgress batch={batch} verb="Freezing" />
        </DialogBody>
      )}
      {batch.step === 'over' && isHeld && (
        <HeldStep over={batch} onClose={onClose} onSupersede={(held) => void freeze(held, true)} />
      )}
      {batch.step === 'over' && !isHeld && (
        <FailedStep
          over={batch}
          doneText="frozen"
          onClose={onClose}
          onRetry={(left) => void freeze(left, false)}
        />
      )}
    </Dialog>
  );
}
