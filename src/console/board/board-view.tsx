/** Owns the board: every room, as it is now. */

/** The board. */
export function BoardView() {
  return <h1 className="visually-hidden">Board</h1>;
}
