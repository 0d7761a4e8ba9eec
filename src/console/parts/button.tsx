/** Owns buttons and links that look like them. */
import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components';
import './button.css';

export type ButtonProps = Omit<AriaButtonProps, 'className' | 'children'> & {
  /** `primary`: what the person came for; `danger`: what cannot be undone; `quiet`: beside other things. */
  tone?: 'primary' | 'danger' | 'plain' | 'quiet';
  size?: 'normal' | 'small';
  className?: string;
  children?: ReactNode;
};

/** A button. While `isPending` it keeps its focus and size, shows that it works, and does nothing. */
export function Button({ tone = 'plain', size = 'normal', className = '', children, ...props }: ButtonProps) {
  return (
    <AriaButton {...props} className={`button button-${tone} button-${size} ${className}`}>
      {children}
      {props.isPending && <span className="button-wait" role="progressbar" aria-label="Working" />}
    </AriaButton>
  );
}
