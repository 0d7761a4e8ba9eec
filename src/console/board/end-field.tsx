/** Owns the question when a freeze ends. */
import { ChoiceField, TextField } from '../parts/fields.tsx';
import { endChoices, type FreezeForm } from './freeze-form.ts';

/** When the freeze ends: by hand, after a while, or at a date and time. */
export function EndField({
  form,
  onChange,
  error,
}: {
  form: FreezeForm;
  onChange: (changes: Partial<FreezeForm>) => void;
  error: string | undefined;
}) {
  return (
    <>
      <ChoiceField label="Ends" choices={endChoices} value={form.end} onChange={(end) => onChange({ end })} />
      {form.end === 'at' && (
        <TextField
          label="Date and time"
          type="datetime-local"
          value={form.endsAt}
          onChange={(endsAt) => onChange({ endsAt })}
          error={error}
        />
      )}
    </>
  );
}
