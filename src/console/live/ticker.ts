/** Owns the beat by which everything that counts down is drawn: one timer for the whole page. */

/** A countdown changes within this much of its second. */
const beatMs = 200;

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

const beat = (): void => {
  for (const listener of listeners) listener();
};

/** Hears every beat until the returned function is called; nothing beats while nobody listens. */
export function onBeat(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(beat, beatMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}
