/** Owns buttons and links that look like them. */
import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components';
import './button.css';

export type ButtonProps = Omit<AriaButtonProps, 'className' | 'children' | 'isPending'> & {
  /** `primary`: what the person came for; `danger`: what cannot be undone; `quiet`: beside other things. */
  tone?: 'primary' | 'danger' | 'plain' | 'quiet';
  size?: 'normal' | 'small';
  className?: string;
  /** What the button began is under way. */
  isPending?: boolean;
  children?: ReactNode;
};

/**
 * A button. While `isPending` it keeps its focus and size, shows that it works, and does nothing. (The library's own
 * way announces a button by its id, which says nothing once the button has gone with what it did.)
 */
export function Button({ tone = 'plain', size = 'normal', className = '', isPending, ...rest }: ButtonProps) {
  const { children, onPress, type, ...props } = rest;
  const working = { 'aria-disabled': true, type: 'button' } as const;
  const ready = { ...(onPress && { onPress }), ...(type && { type }) };
  return (
    <AriaButton
      {...props}
      {...(isPending ? working : ready)}
      className={`button button-${tone} button-${size} ${isPending ? 'button-pending' : ''} ${className}`}
    >
      {children}
      {isPending && <span className="button-wait" aria-hidden />}
    </AriaButton>
  );
}
