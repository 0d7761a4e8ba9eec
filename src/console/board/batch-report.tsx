/** Owns how a run over many rooms is told: how far it is, and what did not work, room by room. */
import { ProgressBar } from 'react-aria-components';
import { problemText } from '../api/problem-words.ts';
import { roomsText } from './batch.ts';
import type { Batch } from './use-batch.ts';

/** How far the run is. */
export function BatchProgress({ batch, verb }: { batch: Extract<Batch, { step: 'running' }>; verb: string }) {
  const { answeredCount, total } = batch;
  return (
    <div className="batch-progress">
      <p role="status">
        {verb} {answeredCount} of {roomsText(total)} …
      </p>
      <ProgressBar aria-label={verb} value={answeredCount} maxValue={total}>
        <progress value={answeredCount} max={total} aria-hidden />
      </ProgressBar>
    </div>
  );
}

/** What did not work, in words, for each room. */
export function BatchFailures({ left }: { left: Extract<Batch, { step: 'over' }>['left'] }) {
  return (
    <ul className="batch-failures">
      {left.map((outcome) => (
        <li key={outcome.room.room_id}>
          <strong>{outcome.room.room_no}</strong>
          <span>{problemText(outcome.kind === 'held' ? outcome.problem : outcome.error)}</span>
        </li>
      ))}
    </ul>
  );
}
