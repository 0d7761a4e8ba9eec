/** Owns the mark of Holdfast. */

/** The mark, beside the name that says the same. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" className="mark-ground" />
      <path d="M10 8v16M22 8v16M10 16h12" className="mark-letter" />
    </svg>
  );
}
