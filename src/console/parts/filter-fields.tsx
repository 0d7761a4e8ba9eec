/** Owns the filters of lists: a text that is applied once typing pauses, and a room found by its number. */
import { useEffect, useRef, useState } from 'react';
import { SearchField } from './fields.tsx';
import { RoomField } from './room-field.tsx';

/** Shorter than anybody's thinking, longer than the time between two keys. */
const typingMs = 350;

/** A filter for the whole of a text, as the server compares it. */
export function TextFilter({
  label,
  value,
  onChange,
  className = '',
}: {
  label: string;
  value: string;
  onChange: (value: string | undefined) => void;
  className?: string;
}) {
  const [typed, setTyped] = useState(value);
  const applied = useRef(value);
  // The place may change by other ways than this field: by a link, or by going back.
  useEffect(() => {
    if (value !== applied.current) setTyped(value);
    applied.current = value;
  }, [value]);
  useEffect(() => {
    if (typed === applied.current) return;
    const timer = setTimeout(() => {
      applied.current = typed;
      onChange(typed === '' ? undefined : typed);
    }, typingMs);
    return () => clearTimeout(timer);
  }, [typed, onChange]);
  return <SearchField label={label} value={typed} onChange={setTyped} className={className} />;
}

/** A filter by room: `value` is its id as text, as the address has it. */
export function RoomFilter({
  value,
  onChange,
}: {
  value: string | undefined;
  onChange: (roomId: string | undefined) => void;
}) {
  return (
    <RoomField
      label="Room"
      isBare
      value={value === undefined ? undefined : Number(value)}
      onChange={(roomId) => onChange(roomId === undefined ? undefined : String(roomId))}
    />
  );
}

/** An instant as a field for local time takes it: `2026-11-22T17:05`. */
const localOf = (instant: string | undefined): string => {
  const date = new Date(instant ?? '');
  if (Number.isNaN(date.getTime())) return '';
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

/** A filter by an instant, told in local time and kept in UTC. */
export function InstantFilter({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string | undefined;
  onChange: (instant: string | undefined) => void;
}) {
  return (
    <label className="field instant-filter">
      <span>{label}</span>
      <input
        type="datetime-local"
        className="field-input"
        value={localOf(value)}
        onChange={({ target }) => {
          const date = new Date(target.value);
          onChange(Number.isNaN(date.getTime()) ? undefined : date.toISOString());
        }}
      />
    </label>
  );
}
