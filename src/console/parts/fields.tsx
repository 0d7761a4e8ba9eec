/** Owns form fields: each with its label, description and error, tied together for those who do not see them. */
import { Check, ChevronDown, Minus, Plus, X } from 'lucide-react';
import type { Ref } from 'react';
import {
  Button as AriaButton,
  Checkbox as AriaCheckbox,
  NumberField as AriaNumberField,
  SearchField as AriaSearchField,
  TextField as AriaTextField,
  FieldError,
  Group,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Select,
  SelectValue,
  Text,
  TextArea,
} from 'react-aria-components';
import './fields.css';

type FieldProps = {
  label: string;
  description?: string | undefined;
  error?: string | undefined;
  className?: string;
  isRequired?: boolean;
  isDisabled?: boolean;
};

const Below = ({ description, error }: Pick<FieldProps, 'description' | 'error'>) => (
  <>
    {description && (
      <Text slot="description" className="field-description">
        {description}
      </Text>
    )}
    {error && <FieldError className="field-error">{error}</FieldError>}
  </>
);

type TextProps = FieldProps & {
  value: string;
  onChange: (value: string) => void;
  maxLength?: number;
  placeholder?: string;
  autoFocus?: boolean;
  spellCheck?: 'true' | 'false';
  type?: 'text' | 'datetime-local';
};

const fieldProps = ({ className = '', error, ...props }: TextProps) => ({
  ...props,
  className: `field ${className}`,
  validationBehavior: 'aria' as const,
  isInvalid: error !== undefined,
});

/** A field for one line of text. */
export function TextField({ description, placeholder, ...props }: TextProps) {
  const { label, ...rest } = fieldProps(props);
  return (
    <AriaTextField {...rest}>
      <Label className="field-label">{label}</Label>
      <Input className="field-input" {...(placeholder === undefined ? {} : { placeholder })} />
      <Below description={description} error={props.error} />
    </AriaTextField>
  );
}

/** A field for several lines of text. */
export function TextAreaField({
  description,
  rows = 3,
  ref,
  ...props
}: TextProps & { rows?: number; ref?: Ref<HTMLTextAreaElement> }) {
  const { label, ...rest } = fieldProps(props);
  return (
    <AriaTextField {...rest}>
      <Label className="field-label">{label}</Label>
      <TextArea className="field-input" rows={rows} {...(ref === undefined ? {} : { ref })} />
      <Below description={description} error={props.error} />
    </AriaTextField>
  );
}

/** A field that filters what is below it; Escape clears it. Its label is for screen readers: the placeholder says the same. */
export function SearchField({ label, className = '', ...props }: TextProps) {
  return (
    <AriaSearchField
      aria-label={label}
      value={props.value}
      onChange={props.onChange}
      className={`field search ${className}`}
    >
      <Input className="field-input" placeholder={props.placeholder ?? label} />
      <AriaButton className="search-clear" aria-label={`Clear ${label.toLowerCase()}`}>
        <X aria-hidden />
      </AriaButton>
    </AriaSearchField>
  );
}

/** A field for a whole number between bounds. */
export function NumberField({
  label,
  description,
  className = '',
  ...props
}: FieldProps & { value: number; onChange: (value: number) => void; minValue: number; maxValue: number }) {
  return (
    <AriaNumberField
      {...props}
      className={`field number ${className}`}
      formatOptions={{ maximumFractionDigits: 0 }}
    >
      <Label className="field-label">{label}</Label>
      <Group className="number-group">
        <AriaButton slot="decrement" className="number-step">
          <Minus aria-hidden />
        </AriaButton>
        <Input className="field-input" />
        <AriaButton slot="increment" className="number-step">
          <Plus aria-hidden />
        </AriaButton>
      </Group>
      <Below description={description} />
    </AriaNumberField>
  );
}

/** One of a few: `id` is what is chosen, `text` what is read. */
export type Choice = { id: string; text: string };

/** A choice of one among few. With `isBare` its label is for screen readers only. */
export function ChoiceField({
  label,
  choices,
  value,
  onChange,
  description,
  isBare,
  autoFocus = false,
  className = '',
}: FieldProps & {
  autoFocus?: boolean;
  choices: readonly Choice[];
  value: string;
  onChange: (id: string) => void;
  isBare?: boolean;
}) {
  return (
    <Select
      value={value}
      onChange={(key) => key !== null && onChange(String(key))}
      className={`field choice ${className}`}
      autoFocus={autoFocus}
      {...(isBare ? { 'aria-label': label } : {})}
    >
      {!isBare && <Label className="field-label">{label}</Label>}
      <AriaButton className="field-input choice-button">
        <SelectValue className="choice-value" />
        <ChevronDown aria-hidden />
      </AriaButton>
      <Below description={description} />
      <Popover className="popover" offset={4}>
        <ListBox className="menu" items={choices}>
          {({ id, text }) => (
            <ListBoxItem id={id} textValue={text} className="menu-item">
              {({ isSelected }) => (
                <>
                  <span className="menu-text">{text}</span>
                  {isSelected && <Check aria-hidden />}
                </>
              )}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </Select>
  );
}

/** A box to tick. */
export function Checkbox({
  label,
  isSelected,
  onChange,
}: {
  label: string;
  isSelected: boolean;
  onChange: (isSelected: boolean) => void;
}) {
  return (
    <AriaCheckbox isSelected={isSelected} onChange={onChange} className="checkbox">
      <span className="checkbox-box">
        <Check aria-hidden />
      </span>
      {label}
    </AriaCheckbox>
  );
}
