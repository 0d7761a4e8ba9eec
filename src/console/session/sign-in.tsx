/** Owns signing in: a pasted token, or the one-time code of a link. */
import { LogIn } from 'lucide-react';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { isPassing, Problem, problemOf } from '../api/problem.ts';
import { senderOf } from '../api/send.ts';
import { codeIn } from '../layout/place.ts';
import { Button } from '../parts/button.tsx';
import { TextAreaField } from '../parts/fields.tsx';
import { Mark } from '../parts/mark.tsx';
import { Notice } from '../parts/notice.tsx';
import './sign-in.css';
import type { Session, SessionStore } from './session.ts';
import { claimsOf, tokenIn } from './token.ts';

/** Asks the server whether the token is good. Returns what to tell the person, or undefined when it is. */
async function refusalOf(token: string): Promise<string | undefined> {
  const claims = claimsOf(token);
  if (claims === undefined) return 'This is not a token. A token has three parts with dots between them.';
  const reads = claims.permissions.has('ROOM_MANAGEMENT:READ') || claims.permissions.has('ROOM_HOLD:WRITE');
  if (!reads)
    return 'This token allows nothing that the console shows: it has no ROOM_MANAGEMENT or ROOM_HOLD:WRITE.';
  const send = senderOf({ token: () => token, refused: () => undefined });
  try {
    await send('GET', '/room-types');
    return undefined;
  } catch (error) {
    if (error instanceof Problem && error.status === 401)
      return 'The server refuses this token: it has expired, or was made for another server.';
    if (isPassing(error)) return 'The server cannot be reached just now. Try again in a moment.';
    return error instanceof Error ? error.message : String(error);
  }
}

/** The token that a one-time code stands for. Throws a `Problem`. */
async function tokenOfCode(code: string): Promise<string> {
  const response = await fetch('/console/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
    credentials: 'omit',
  });
  if (!response.ok) throw await problemOf(response);
  const { token }: { token: string } = await response.json();
  return token;
}

/** Takes the code out of the address at once, so that it is neither kept in the history nor sent again. */
function useCode(store: SessionStore, tell: (refusal: string) => void): boolean {
  const [code] = useState(() => codeIn(window.location.hash));
  const [isUsing, setUsing] = useState(code !== undefined);
  const isUsed = useRef(false);
  useEffect(() => {
    if (code === undefined || isUsed.current) return;
    isUsed.current = true;
    window.history.replaceState(null, '', '#/board');
    tokenOfCode(code)
      .then((token) => store.signIn(token))
      .catch((error: unknown) =>
        tell(
          error instanceof Problem && error.status === 401
            ? 'This link has been used, or is too old. Start the server again for a new one, or paste a token.'
            : 'The server cannot be reached just now. Paste a token, or open the link again.',
        ),
      )
      .finally(() => setUsing(false));
  }, [code, store, tell]);
  return isUsing;
}

const endedText = (ended: Session): string | undefined =>
  ended.ended === 'refused'
    ? 'Your token has expired. Sign in again: you will be back where you were.'
    : undefined;

/** The page for those who are not signed in. */
export function SignIn({ store, ended }: { store: SessionStore; ended: Session }) {
  const [pasted, setPasted] = useState('');
  const [refusal, setRefusal] = useState<string>();
  const [isAsking, setAsking] = useState(false);
  const isUsingCode = useCode(store, setRefusal);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    document.title = 'Sign in · Holdfast';
  }, []);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const token = tokenIn(pasted);
    setAsking(true);
    const told = token === '' ? 'Paste a token first.' : await refusalOf(token);
    setAsking(false);
    setRefusal(told);
    if (told === undefined) store.signIn(token);
    else field.current?.focus();
  };
  return (
    <main className="sign-in">
      <form className="sign-in-card" onSubmit={(event) => void submit(event)} noValidate>
        <h1>
          <Mark /> Holdfast
        </h1>
        {endedText(ended) && <Notice tone="warning">{endedText(ended)}</Notice>}
        <TextAreaField
          ref={field}
          label="Access token"
          description="Whoever runs the server gives you one. It is kept in this tab only, and forgotten when you close it."
          value={pasted}
          onChange={setPasted}
          error={refusal}
          rows={5}
          autoFocus={!isUsingCode}
          spellCheck="false"
          className="sign-in-token"
        />
        <Button type="submit" tone="primary" isPending={isAsking || isUsingCode}>
          <LogIn aria-hidden /> {isUsingCode ? 'Signing in with the link' : 'Sign in'}
        </Button>
      </form>
    </main>
  );
}
