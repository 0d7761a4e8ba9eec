/** Owns dialogs: they take the focus, give it back, and close by Escape. */
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { Button } from './button.tsx';
import './dialog.css';

/**
 * A dialog over the page while `isOpen`. `isBusy` keeps it open while something is under way. Its last child is best a
 * `DialogFoot`. What it returns the focus to is what had it before.
 */
export function Dialog({
  title,
  isOpen,
  onClose,
  isBusy = false,
  isAlert = false,
  children,
}: {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  isBusy?: boolean;
  isAlert?: boolean;
  children: ReactNode;
}) {
  return (
    <ModalOverlay
      className="dialog-veil"
      isOpen={isOpen}
      onOpenChange={(open) => !open && !isBusy && onClose()}
      isDismissable={!isBusy && !isAlert}
      isKeyboardDismissDisabled={isBusy}
    >
      <Modal className="dialog-frame">
        <AriaDialog className="dialog" role={isAlert ? 'alertdialog' : 'dialog'}>
          <header className="dialog-head">
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            <Button tone="quiet" size="small" aria-label="Close" onPress={onClose} isDisabled={isBusy}>
              <X aria-hidden />
            </Button>
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** What stands above a dialog's foot; it scrolls when it is long. */
export function DialogBody({ children }: { children: ReactNode }) {
  return <div className="dialog-body">{children}</div>;
}

/** The buttons at a dialog's end. */
export function DialogFoot({ children }: { children: ReactNode }) {
  return <footer className="dialog-foot">{children}</footer>;
}
