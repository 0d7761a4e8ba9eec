/** Owns short words about what has just been done; they go by themselves and are read out. */
import { CircleCheck, TriangleAlert, X } from 'lucide-react';
import {
  Button as AriaButton,
  UNSTABLE_Toast as AriaToast,
  UNSTABLE_ToastContent as ToastContent,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from 'react-aria-components';
import './toast.css';

type Said = { text: string; tone: 'good' | 'warning' };

const queue = new ToastQueue<Said>({ maxVisibleToasts: 3 });

/** Long enough to be read twice. */
const shownMs = 6000;

/** Says something about what has just been done. A warning stays until it is closed. */
export function say(text: string, tone: Said['tone'] = 'good'): void {
  queue.add({ text, tone }, tone === 'good' ? { timeout: shownMs } : {});
}

/** Where what is said is shown: once, in the page's frame. */
export function Toasts() {
  return (
    <ToastRegion queue={queue} className="toasts" aria-label="What was done">
      {({ toast }) => (
        <AriaToast toast={toast} className={`toast toast-${toast.content.tone}`}>
          {toast.content.tone === 'good' ? <CircleCheck aria-hidden /> : <TriangleAlert aria-hidden />}
          <ToastContent className="toast-text">{toast.content.text}</ToastContent>
          <AriaButton slot="close" className="toast-close" aria-label="Close">
            <X aria-hidden />
          </AriaButton>
        </AriaToast>
      )}
    </ToastRegion>
  );
}
