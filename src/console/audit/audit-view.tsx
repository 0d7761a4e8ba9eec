/** Owns the view of the audit trail. */

/** What happened, per room, hold and person. */
export function AuditView() {
  return <h1 className="visually-hidden">Audit</h1>;
}
