/** Owns what group commit promises, with a commit in the tests' hands: who flies when, in which order, and what fails alone. */
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type GroupCommitLimits, groupCommit } from '../../src/group-commit.ts';
import { Problem } from '../../src/problems.ts';

type Flight = Readonly<{
  requests: readonly string[];
  /** Lands with the outcome `<request>!` for each, and waits until that is known to everybody. */
  land(): Promise<void>;
  landWith(outcomes: readonly string[]): Promise<void>;
  fail(error: unknown): Promise<void>;
}>;

/** A group commit whose flights land when the test says so. `flights` has all that ever took off. */
function openTower(limits: Partial<GroupCommitLimits> = {}) {
  const flights: Flight[] = [];
  const submit = groupCommit<string, string>(
    (requests) =>
      new Promise((resolve, reject) => {
        const landWith = async (outcomes: readonly string[]) => {
          resolve(outcomes);
          await turn();
        };
        flights.push({
          requests,
          landWith,
          land: () => landWith(requests.map((request) => `${request}!`)),
          fail: async (error) => {
            reject(error);
            await turn();
          },
        });
      }),
    { batchRequestsMax: 10, flightsMax: 1, gatherMsMax: 50, queuedRequestsMax: 100, ...limits },
  );
  return {
    submit,
    taken: () => flights.map(({ requests }) => requests),
    flight: (number: number): Flight => {
      const flight = flights[number];
      if (flight === undefined) throw new Error(`only ${flights.length} flights took off`);
      return flight;
    },
  };
}

const unknown = new Problem('outcome-unknown', 'The connection broke.');

test('a lone request goes at once, alone, without a timer or a turn of the event loop', () => {
  const { submit, taken } = openTower();
  void submit('a');
  expect(taken()).toEqual([['a']]);
});

test('a request gets the outcome that stands at its place', async () => {
  const { submit, flight } = openTower();
  const first = submit('first');
  const rest = Promise.all([submit('a'), submit('b'), submit('c')]);
  await flight(0).land();
  await flight(1).landWith(['of a', 'of b', 'of c']);
  await expect(first).resolves.toBe('first!');
  await expect(rest).resolves.toEqual(['of a', 'of b', 'of c']);
});

test('requests that arrive while a batch is under way form the next, in the order of their arrival', async () => {
  const { submit, taken, flight } = openTower();
  const all = ['a', 'b', 'c', 'd'].map(submit);
  expect(taken()).toEqual([['a']]);
  await flight(0).land();
  expect(taken()).toEqual([['a'], ['b', 'c', 'd']]);
  await flight(1).land();
  await expect(Promise.all(all)).resolves.toEqual(['a!', 'b!', 'c!', 'd!']);
  expect(taken()).toHaveLength(2);
});

test('a part of a batch waits for the one under way; a full batch does not', async () => {
  const { submit, taken, flight } = openTower({ batchRequestsMax: 2, flightsMax: 2 });
  const all = ['a', 'b'].map(submit);
  expect(taken()).toEqual([['a']]);
  all.push(submit('c'));
  expect(taken()).toEqual([['a'], ['b', 'c']]);
  all.push(submit('d'));
  // The other one lands, and nothing full waits: one batch at a time is enough again.
  await flight(1).land();
  expect(taken()).toHaveLength(2);
  await flight(0).land();
  await flight(2).land();
  await expect(Promise.all(all)).resolves.toEqual(['a!', 'b!', 'c!', 'd!']);
  expect(taken()).toEqual([['a'], ['b', 'c'], ['d']]);
});

test('at most flightsMax batches are under way, and a landing makes room for the next full one', async () => {
  const { submit, taken, flight } = openTower({ batchRequestsMax: 2, flightsMax: 2 });
  const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(submit);
  expect(taken()).toEqual([['a'], ['b', 'c']]);
  await flight(1).land();
  expect(taken()).toEqual([['a'], ['b', 'c'], ['d', 'e']]);
  for (const number of [2, 3, 0]) await flight(number).land();
  await expect(Promise.all(all)).resolves.toHaveLength(7);
  expect(taken()).toEqual([['a'], ['b', 'c'], ['d', 'e'], ['f', 'g']]);
});

describe('behind a batch that is held up', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    return () => vi.useRealTimers();
  });

  test('those that wait go past it, together, gatherMsMax after the first of them came', async () => {
    const { submit, taken, flight } = openTower({ flightsMax: 2 });
    const stuck = submit('stuck');
    const first = submit('a');
    vi.advanceTimersByTime(30);
    const second = submit('b');
    vi.advanceTimersByTime(19);
    expect(taken()).toEqual([['stuck']]);
    vi.advanceTimersByTime(1);
    expect(taken()).toEqual([['stuck'], ['a', 'b']]);
    await flight(1).land();
    await expect(Promise.all([first, second])).resolves.toEqual(['a!', 'b!']);
    await flight(0).land();
    await expect(stuck).resolves.toBe('stuck!');
  });

  test('no more than flightsMax go past; the next takes the place of the first to land', async () => {
    const { submit, taken, flight } = openTower({ flightsMax: 2 });
    const all = [submit('stuck'), submit('a')];
    vi.advanceTimersByTime(50);
    all.push(submit('b'));
    vi.advanceTimersByTime(500);
    expect(taken()).toEqual([['stuck'], ['a']]);
    await flight(1).land();
    expect(taken()).toEqual([['stuck'], ['a'], ['b']]);
    await flight(2).land();
    await flight(0).land();
    await expect(Promise.all(all)).resolves.toHaveLength(3);
  });

  test('a wait begins when its request came, not with a batch that left before', async () => {
    const { submit, taken, flight } = openTower({ batchRequestsMax: 2, flightsMax: 3 });
    const all = [submit('stuck'), submit('a')];
    vi.advanceTimersByTime(49);
    all.push(submit('b')); // makes the batch full: it leaves
    all.push(submit('c'));
    vi.advanceTimersByTime(49);
    expect(taken()).toEqual([['stuck'], ['a', 'b']]);
    vi.advanceTimersByTime(1);
    expect(taken()).toEqual([['stuck'], ['a', 'b'], ['c']]);
    for (const number of [0, 1, 2]) await flight(number).land();
    await expect(Promise.all(all)).resolves.toHaveLength(4);
  });
});

test('a batch has at most batchRequestsMax requests; those that waited longest go first', async () => {
  const { submit, taken, flight } = openTower({ batchRequestsMax: 2 });
  const all = ['a', 'b', 'c', 'd', 'e'].map(submit);
  await flight(0).land();
  // One that comes now stands behind those that wait.
  all.push(submit('late'));
  await flight(1).land();
  await flight(2).land();
  await flight(3).land();
  expect(taken()).toEqual([['a'], ['b', 'c'], ['d', 'e'], ['late']]);
  await expect(Promise.all(all)).resolves.toHaveLength(6);
});

test('a request is answered as soon as its own batch lands, whatever other batches do', async () => {
  const { submit, flight } = openTower({ batchRequestsMax: 1, flightsMax: 2 });
  const slow = submit('slow');
  const quick = submit('quick');
  await flight(1).land();
  await expect(quick).resolves.toBe('quick!');
  await flight(0).land();
  await expect(slow).resolves.toBe('slow!');
});

test('after everything has landed a request goes at once again', async () => {
  const { submit, taken, flight } = openTower();
  const first = submit('a');
  await flight(0).land();
  await first;
  void submit('b');
  expect(taken()).toEqual([['a'], ['b']]);
});

test('overloaded when queuedRequestsMax requests wait: refused at once, and never committed', async () => {
  const { submit, taken, flight } = openTower({ queuedRequestsMax: 2 });
  const all = ['flying', 'a', 'b'].map(submit);
  await expect(submit('one too many')).rejects.toMatchObject({ code: 'overloaded', status: 503 });
  await flight(0).land();
  // Those that waited are under way: there is room to wait again.
  const later = submit('later');
  await flight(1).land();
  await flight(2).land();
  expect(taken()).toEqual([['flying'], ['a', 'b'], ['later']]);
  await expect(Promise.all([...all, later])).resolves.toHaveLength(4);
});

test('of a batch that fails as a whole each request is tried alone, in order, and only the poisoned one fails', async () => {
  const { submit, taken, flight } = openTower();
  const first = submit('first');
  const good = submit('good');
  const poisoned = submit('poisoned');
  const better = submit('better');
  const refusal = expect(poisoned).rejects.toThrow('poison');
  await flight(0).land();
  await flight(1).fail(new Error('the whole batch'));
  await flight(2).land();
  await flight(3).fail(new Error('poison'));
  await flight(4).land();
  await refusal;
  await expect(Promise.all([first, good, better])).resolves.toEqual(['first!', 'good!', 'better!']);
  expect(taken()).toEqual([['first'], ['good', 'poisoned', 'better'], ['good'], ['poisoned'], ['better']]);
});

test('a request that fails alone is not tried again', async () => {
  const { submit, taken, flight } = openTower();
  const refusal = expect(submit('a')).rejects.toThrow('no');
  await flight(0).fail(new Error('no'));
  await refusal;
  expect(taken()).toEqual([['a']]);
});

test('a batch that fails does not stop the next one, nor take its place', async () => {
  const { submit, taken, flight } = openTower({ batchRequestsMax: 2 });
  const first = submit('first');
  const failing = Promise.allSettled([submit('a'), submit('b')]);
  const behind = submit('c');
  await flight(0).land();
  await flight(1).fail(new Error('whole'));
  await flight(2).fail(new Error('a'));
  expect(taken()).toEqual([['first'], ['a', 'b'], ['a'], ['b']]);
  await flight(3).fail(new Error('b'));
  await flight(4).land();
  await expect(Promise.all([first, behind])).resolves.toEqual(['first!', 'c!']);
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

test.each([
  ['outcome-unknown', unknown],
  ['dependency-unavailable', new Problem('dependency-unavailable', 'Out of reach.')],
])(
  'a batch that fails with %s is not tried again: every request of it gets that answer',
  async (code, problem) => {
    const { submit, taken, flight } = openTower();
    const first = submit('first');
    const refused = Promise.allSettled([submit('a'), submit('b')]);
    await flight(0).land();
    await flight(1).fail(problem);
    expect(await refused).toMatchObject([{ reason: { code } }, { reason: { code } }]);
    await first;
    expect(taken()).toEqual([['first'], ['a', 'b']]);
  },
);

test('a request whose lone try ends outcome-unknown fails with it, and those behind it are still tried', async () => {
  const { submit, taken, flight } = openTower();
  const first = submit('first');
  const refusal = expect(submit('a')).rejects.toMatchObject({ code: 'outcome-unknown' });
  const good = submit('b');
  await flight(0).land();
  await flight(1).fail(new Error('whole'));
  await flight(2).fail(unknown);
  await flight(3).land();
  await refusal;
  await expect(Promise.all([first, good])).resolves.toEqual(['first!', 'b!']);
  expect(taken()).toEqual([['first'], ['a', 'b'], ['a'], ['b']]);
});

test('a commit that answers another number of outcomes is an error, and is never made a second time', async () => {
  const { submit, taken, flight } = openTower();
  const first = submit('first');
  const refused = Promise.allSettled([submit('a'), submit('b')]);
  await flight(0).land();
  await flight(1).landWith(['only one']);
  expect(taken()).toEqual([['first'], ['a', 'b']]);
  expect((await refused).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await first;
});

test('a commit that throws before it promises anything fails its request only', async () => {
  let calls = 0;
  const submit = groupCommit<string, string>(
    (requests) => {
      calls += 1;
      if (calls === 1) throw new Error('at once');
      return Promise.resolve(requests);
    },
    { batchRequestsMax: 1, flightsMax: 1, gatherMsMax: 50, queuedRequestsMax: 10 },
  );
  await expect(submit('a')).rejects.toThrow('at once');
  await expect(submit('b')).resolves.toBe('b');
});
