/** Owns the view of holds. */

/** Holds, active and ended. */
export function HoldsView() {
  return <h1 className="visually-hidden">Holds</h1>;
}
