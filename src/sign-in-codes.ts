/** Owns the one-time codes that sign whoever started a server into its console. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** One code at a time, kept in this process's memory and nowhere else. */
export type SignInCodes = Readonly<{
  /** A new code (43 characters, 256 bits); the one before it is void. */
  issue(): string;
  /** Whether `code` is the one issued: true once at most, within its time and its number of tries. */
  redeem(code: string): boolean;
}>;

/** A code is for whoever sees the terminal now. */
export const codeMinutesMax = 10;

/** Old links in a browser's history cost a try each; guessing 256 bits is hopeless anyway. */
const triesMax = 20;

const digestOf = (code: string): Buffer => createHash('sha256').update(code).digest();

/** No code is good until one is issued. `nowMs` is a clock in milliseconds that never goes back. */
export function openSignInCodes(nowMs: () => number = () => performance.now()): SignInCodes {
  let issued: { digest: Buffer; voidAtMs: number; triesLeft: number } | undefined;
  return {
    issue: () => {
      const code = randomBytes(32).toString('base64url');
      issued = { digest: digestOf(code), voidAtMs: nowMs() + codeMinutesMax * 60_000, triesLeft: triesMax };
      return code;
    },
    redeem: (code) => {
      if (issued === undefined) return false;
      issued.triesLeft -= 1;
      const isInTime = nowMs() < issued.voidAtMs;
      const isRight = timingSafeEqual(digestOf(code), issued.digest) && isInTime;
      if (isRight || !isInTime || issued.triesLeft === 0) issued = undefined;
      return isRight;
    },
  };
}
