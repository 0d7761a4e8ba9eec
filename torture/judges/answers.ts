/** Owns what answers may be at all, that every call has one in time, and that servers recover. */
import { hangMs } from '../clients/crowd.ts';
import { recoveryMsMax } from '../nemesis.ts';
import { type Judge, said } from './judge.ts';

/** No internal error, nothing unreadable, nothing unauthorised, no missing code, and nobody who is left waiting. */
export const answers: Judge = {
  name: 'answers',
  judge({ history }) {
    const bad = history.calls.filter(({ invokedMs, end }) => {
      const { type, status, code, endedMs } = end;
      if (type === 'info' && status === 0)
        return code?.startsWith('timeout') === true && endedMs - invokedMs > hangMs - 100;
      if (type === 'ok' || status === 0) return false;
      const isUnexpected = status === 500 || [400, 401, 403, 405].includes(status) || code === undefined;
      return isUnexpected || code.startsWith('unreadable');
    });
    return bad.map((call) => `an answer that must not be: ${said(call)}`);
  },
};

/** Every server answered a write again in time after each fault, and none ended by itself. */
export const recovery: Judge = {
  name: 'recovery',
  judge({ history }) {
    const late = history.faults.filter(({ recoveredAfterMs }) => recoveredAfterMs === null);
    return [
      ...late.map(({ fault, detail }) => `not recovered ${recoveryMsMax} ms after "${fault}" (${detail})`),
      ...history.incidents.map(({ atMs, text }) => `at ${Math.round(atMs)}: ${text}`),
    ];
  },
};

/** Sessions of other people, by what they lock, may bring deadlocks about; the servers among themselves may not. */
const quarrelsome: ReadonlySet<string> = new Set(['deadlock partner', 'lock hog']);

/** All servers lock in one order. */
export const lockOrder: Judge = {
  name: 'lock order',
  judge({ history, final }) {
    const isExcused = history.faults.some(({ fault }) => quarrelsome.has(fault));
    return final.deadlocksCount === 0 || isExcused
      ? []
      : [`${final.deadlocksCount} deadlocks of the servers' own`];
  },
};
