/** Owns unfreezing rooms: asking once, how it goes, and what did not work. */
import type { Room } from '../api/wire.ts';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../parts/dialog.tsx';
import { say } from '../parts/toast.tsx';
import { useSignedIn } from '../session/context.tsx';
import { roomsText } from './batch.ts';
import { BatchProgress } from './batch-report.tsx';
import { FailedStep } from './freeze-dialog.tsx';
import { reasonNames } from './freeze-form.ts';
import { useBatch } from './use-batch.ts';

/** Unfreezes rooms; it closes by itself when all of them are unfrozen. */
export function UnfreezeDialog({ rooms, onClose }: { rooms: readonly Room[]; onClose: () => void }) {
  const { calls } = useSignedIn();
  const { batch, run } = useBatch();
  const name = rooms.length === 1 ? `room ${rooms[0]?.room_no}` : roomsText(rooms.length);
  const unfreeze = async (asked: readonly Room[]): Promise<void> => {
    const outcomes = await run(asked, async (room) => (await calls.unfreezeRoom(room.room_id)).value);
    if (outcomes.length === 0 || outcomes.some(({ kind }) => kind !== 'done')) return;
    say(
      asked.length === 1
        ? `Room ${asked[0]?.room_no} is unfrozen.`
        : `${roomsText(asked.length)} are unfrozen.`,
    );
    onClose();
  };
  return (
    <Dialog title={`Unfreeze ${name}`} isOpen onClose={onClose} isBusy={batch.step === 'running'}>
      {batch.step === 'asking' && (
        <>
          <DialogBody>
            <p>
              {rooms.length === 1 ? 'The room becomes' : 'The rooms become'} available again, or go back to
              maintenance if {rooms.length === 1 ? 'it was' : 'they were'} in maintenance before.
            </p>
            <ul className="batch-failures">
              {rooms.map((room) => (
                <li key={room.room_id}>
                  <strong>{room.room_no}</strong>
                  <span>
                    {reasonNames[room.freeze_reason]}
                    {room.freeze_note === null ? '' : `: ${room.freeze_note}`}
                  </span>
                </li>
              ))}
            </ul>
          </DialogBody>
          <DialogFoot>
            <Button onPress={onClose}>Cancel</Button>
            <Button tone="primary" autoFocus onPress={() => void unfreeze(rooms)}>
              Unfreeze
            </Button>
          </DialogFoot>
        </>
      )}
      {batch.step === 'running' && (
        <DialogBody>
          <BatchProgress batch={batch} verb="Unfreezing" />
        </DialogBody>
      )}
      {batch.step === 'over' && (
        <FailedStep
          over={batch}
          doneText="unfrozen"
          onClose={onClose}
          onRetry={(left) => void unfreeze(left)}
        />
      )}
    </Dialog>
  );
}
