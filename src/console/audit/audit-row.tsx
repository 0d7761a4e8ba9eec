/** Owns one entry of the audit trail: when, what, to which room, by whom, and what changed from what to what. */
import {
  ArrowRight,
  Ban,
  CircleCheck,
  Clock,
  Hash,
  Pencil,
  Plus,
  Snowflake,
  Sun,
  Timer,
  TimerOff,
  Trash2,
  Undo2,
} from 'lucide-react';
import type { AuditAction, AuditEntry } from '../api/wire.ts';
import { hashOf } from '../layout/place.ts';
import { timeTextExact, timeTextFull } from '../layout/times.ts';
import { actionTexts, type FieldChange } from './changes.ts';

const icons: Readonly<Record<AuditAction, typeof Clock>> = {
  CREATE: Plus,
  UPDATE: Pencil,
  DELETE: Trash2,
  FREEZE: Snowflake,
  UNFREEZE: Sun,
  HOLD: Timer,
  EXTEND: Clock,
  CONFIRM: CircleCheck,
  RELEASE: Undo2,
  EXPIRE: TimerOff,
  REVOKE: Ban,
};

/** What was, and what is: one of them alone where there was nothing before, or is nothing after. */
function Change({ change }: { change: FieldChange }) {
  const { label, before, after } = change;
  return (
    <div className="audit-change">
      <dt>{label}</dt>
      <dd>
        {before !== undefined && (
          <>
            <del>{before}</del>
            <ArrowRight aria-label="becomes" role="img" />
          </>
        )}
        {after === undefined ? <span className="audit-nothing">nothing</span> : <ins>{after}</ins>}
      </dd>
    </div>
  );
}

/** An entry; `subject` is what it is about, by its name. */
export function AuditRow({
  entry,
  subject,
  changes,
}: {
  entry: AuditEntry;
  subject: string;
  changes: readonly FieldChange[];
}) {
  const Icon = icons[entry.action];
  return (
    <li className="audit" aria-label={`${subject}: ${actionTexts[entry.action]}`}>
      <time className="audit-time" dateTime={entry.at} title={timeTextFull(entry.at)}>
        {timeTextExact(entry.at)}
      </time>
      <span className={`audit-action audit-action-${entry.action.toLowerCase()}`}>
        <Icon aria-hidden /> {actionTexts[entry.action]}
      </span>
      <span className="audit-links">
        <a href={hashOf('audit', { entity: entry.entity, entity_id: entry.entity_id })}>{subject}</a>
        {entry.hold_id !== null && (
          <a className="audit-hold" href={hashOf('audit', { hold_id: entry.hold_id })}>
            whole hold
          </a>
        )}
      </span>
      <span className="audit-actor">
        by <a href={hashOf('audit', { actor: entry.actor })}>{entry.actor}</a>
      </span>
      <div className="audit-what">
        <dl className="audit-changes">
          {changes.map((change) => (
            <Change key={change.field} change={change} />
          ))}
        </dl>
        <details className="audit-ids">
          <summary aria-label={`Ids of the entry about ${subject}`}>
            <Hash aria-hidden />
          </summary>
          Entry <code>{entry.audit_id}</code>
          {entry.request_id !== null && (
            <>
              , request <code>{entry.request_id}</code>
            </>
          )}
          {entry.hold_id !== null && (
            <>
              , hold <code>{entry.hold_id}</code>
            </>
          )}
        </details>
      </div>
    </li>
  );
}
