/** Owns what a view says instead of, or above, what it shows: a notice, nothing there, a failure, waiting. */
import { CircleAlert, Inbox, Info, RotateCw, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { isPassing } from '../api/problem.ts';
import { problemText } from '../api/problem-words.ts';
import { Button } from './button.tsx';
import './notice.css';

type Tone = 'info' | 'warning' | 'danger';

const icons = { info: Info, warning: TriangleAlert, danger: CircleAlert } as const;

/** A short message that stands in the flow of a page or dialog. Give `isLive` to what appears by itself. */
export function Notice({ tone, isLive, children }: { tone: Tone; isLive?: boolean; children: ReactNode }) {
  const Icon = icons[tone];
  return (
    <div
      className={`notice notice-${tone}`}
      role={isLive ? (tone === 'danger' ? 'alert' : 'status') : undefined}
    >
      <Icon aria-hidden />
      <div>{children}</div>
    </div>
  );
}

/** Says that there is nothing to show, why, and what to do about it. */
export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="blank">
      <Inbox aria-hidden />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** Says what failed, in words, and offers to try again where that may help. */
export function Failure({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  return (
    <div className="blank" role="alert">
      <CircleAlert aria-hidden />
      <h2>{isPassing(error) ? 'The server cannot be reached just now' : 'This did not work'}</h2>
      <p>{problemText(error)}</p>
      {retry && (
        <Button onPress={retry}>
          <RotateCw aria-hidden /> Try again
        </Button>
      )}
    </div>
  );
}

/** Says that something is on its way, once it has taken long enough to notice. */
export function Waiting({ what }: { what: string }) {
  return (
    <div className="blank blank-waiting" role="status">
      <span className="button-wait" aria-hidden />
      <p>Loading {what} …</p>
    </div>
  );
}
