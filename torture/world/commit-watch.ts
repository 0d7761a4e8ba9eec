/** Owns the eye on one connection to Postgres that swallows the answer to a commit: the client never learns of it. */

/** What to do with bytes of the server: carry them, swallow them, or cut the connection now that all is committed. */
export type Verdict = 'pass' | 'swallow' | 'cut';

export type CommitWatch = Readonly<{
  /** Bytes of the client, as they go by. */
  sent(bytes: Buffer): void;
  /** Bytes of the server, before they go by. */
  answered(bytes: Buffer): Verdict;
}>;

/** Every command carries its requests as JSON, and every request has this: it tells a command from a read. */
const commandMark = Buffer.from('"request_id"');

/** ReadyForQuery, idle: Postgres says it when a statement's transaction has ended, not before. */
const readyMessage = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/**
 * Watches one connection. When a command goes by and `isWanted` says so, everything that the server answers is swallowed
 * until it is ready for the next statement: the command, being a transaction of its own, is then committed.
 */
export function openCommitWatch(isWanted: () => boolean): CommitWatch {
  let isSwallowing = false;
  let tail = Buffer.alloc(0);
  return {
    sent(bytes) {
      if (isSwallowing || !bytes.includes(commandMark) || !isWanted()) return;
      isSwallowing = true;
      tail = Buffer.alloc(0);
    },
    answered(bytes) {
      if (!isSwallowing) return 'pass';
      tail = Buffer.concat([tail, bytes]).subarray(-readyMessage.length);
      return tail.equals(readyMessage) ? 'cut' : 'swallow';
    },
  };
}
