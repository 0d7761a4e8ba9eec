/** Owns questions that anybody may have asked: however many ask at once, one is under way. */

/** Asks once for all who ask meanwhile: a flood of them must not use up what is asked. */
export function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= ask().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
