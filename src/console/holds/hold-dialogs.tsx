/** Owns the dialogs that end or prolong a hold: confirm, confirm all the same, extend, release. */
import { type FormEvent, useState } from 'react';
import { problemText } from '../api/problem-words.ts';
import type { Hold } from '../api/wire.ts';
import { timeTextExact } from '../layout/times.ts';
import { useRemaining } from '../live/hooks.ts';
import { Button } from '../parts/button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../parts/dialog.tsx';
import { NumberField, TextField } from '../parts/fields.tsx';
import { Notice } from '../parts/notice.tsx';
import { useSignedIn } from '../session/context.tsx';
import { roomsText, roomsTitle } from './holds.ts';
import { useHoldChange } from './use-holds.ts';

/** What the person wants to do with a hold. */
export type HoldAct = { verb: 'confirm' | 'reacquire' | 'extend' | 'release'; hold: Hold };

type Props = {
  hold: Hold;
  /** `told` says what was done; without it nothing was. */
  onClose: (told?: string) => void;
};

const LeftText = ({ expiresAt }: { expiresAt: string }) => <strong>{useRemaining(expiresAt)}</strong>;

function ConfirmDialog({ hold, onClose, isReacquiring }: Props & { isReacquiring: boolean }) {
  const [reference, setReference] = useState('');
  const change = useHoldChange((calls, booking_reference: string) =>
    calls.confirmHold(hold.hold_id, {
      ...(booking_reference === '' ? {} : { booking_reference }),
      ...(isReacquiring ? { reacquire: true } : {}),
    }),
  );
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate(reference, { onSuccess: () => onClose(`${roomsTitle(hold.rooms)}: booked.`) });
  };
  return (
    <Dialog
      title={isReacquiring ? 'Confirm the hold all the same' : 'Confirm the hold'}
      isOpen
      onClose={() => onClose()}
      isBusy={change.isPending}
    >
      <form onSubmit={submit} noValidate>
        <DialogBody>
          <p>
            {roomsTitle(hold.rooms)} for <strong>{hold.holder}</strong>:{' '}
            {isReacquiring ? (
              <>the hold has expired. If the rooms are all still free, they become booked.</>
            ) : (
              <>
                the rooms become booked. The hold has <LeftText expiresAt={hold.expires_at} /> left.
              </>
            )}
          </p>
          <TextField
            label="Booking reference"
            description="Of your booking system; may be left empty."
            value={reference}
            onChange={setReference}
            maxLength={200}
            spellCheck="false"
            autoFocus
          />
          {change.error && (
            <Notice tone="danger" isLive>
              {problemText(change.error)}
            </Notice>
          )}
        </DialogBody>
        <DialogFoot>
          <Button onPress={() => onClose()} isDisabled={change.isPending}>
            Cancel
          </Button>
          <Button type="submit" tone="primary" isPending={change.isPending}>
            Confirm
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}

/** A day: whatever a server allows, it is no more. */
const minutesMax = 24 * 60;

function ExtendDialog({ hold, onClose }: Props) {
  const { live } = useSignedIn();
  const [minutes, setMinutes] = useState(15);
  const change = useHoldChange((calls, wanted: number) => calls.extendHold(hold.hold_id, wanted * 60));
  const endText = timeTextExact(new Date(live.clock.nowMs() + minutes * 60_000).toISOString());
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate(minutes, {
      onSuccess: (extended) =>
        onClose(`${roomsTitle(hold.rooms)}: held until ${timeTextExact(extended.expires_at)}.`),
    });
  };
  return (
    <Dialog title="Extend the hold" isOpen onClose={() => onClose()} isBusy={change.isPending}>
      <form onSubmit={submit} noValidate>
        <DialogBody>
          <p>
            {roomsTitle(hold.rooms)} for <strong>{hold.holder}</strong>. The hold has{' '}
            <LeftText expiresAt={hold.expires_at} /> left.
          </p>
          <NumberField
            label="Minutes from now"
            description={`It then ends at ${endText}, sooner or later than before.`}
            value={minutes}
            onChange={(value) => setMinutes(Number.isNaN(value) ? 15 : value)}
            minValue={1}
            maxValue={minutesMax}
          />
          {change.error && (
            <Notice tone="danger" isLive>
              {problemText(change.error)}
            </Notice>
          )}
        </DialogBody>
        <DialogFoot>
          <Button onPress={() => onClose()} isDisabled={change.isPending}>
            Cancel
          </Button>
          <Button type="submit" tone="primary" isPending={change.isPending}>
            Extend
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}

function ReleaseDialog({ hold, onClose }: Props) {
  const change = useHoldChange((calls, holdId: string) => calls.releaseHold(holdId));
  const release = (): void =>
    change.mutate(hold.hold_id, {
      onSuccess: ({ status }) =>
        onClose(
          status === 'RELEASED'
            ? `${roomsTitle(hold.rooms)}: free again.`
            : `The hold on ${roomsText(hold.rooms)} had ended by itself.`,
        ),
    });
  return (
    <Dialog title="Release the hold?" isOpen isAlert onClose={() => onClose()} isBusy={change.isPending}>
      <DialogBody>
        <p>
          {roomsTitle(hold.rooms)}, held for <strong>{hold.holder}</strong>, will be free for others at once.
          This cannot be undone.
        </p>
        {change.error && (
          <Notice tone="danger" isLive>
            {problemText(change.error)}
          </Notice>
        )}
      </DialogBody>
      <DialogFoot>
        <Button autoFocus onPress={() => onClose()} isDisabled={change.isPending}>
          Keep it
        </Button>
        <Button tone="danger" onPress={release} isPending={change.isPending}>
          Release
        </Button>
      </DialogFoot>
    </Dialog>
  );
}

/** The dialog for what the person wants to do with a hold. */
export function HoldActDialog({ act, onClose }: { act: HoldAct; onClose: Props['onClose'] }) {
  const { hold, verb } = act;
  if (verb === 'extend') return <ExtendDialog hold={hold} onClose={onClose} />;
  if (verb === 'release') return <ReleaseDialog hold={hold} onClose={onClose} />;
  return <ConfirmDialog hold={hold} onClose={onClose} isReacquiring={verb === 'reacquire'} />;
}
