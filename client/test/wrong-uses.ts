/** Owns what the types must refuse: the compiler fails when one of these lines is no fault. */
import { createHoldfastClient, type HoldfastProblem, type HoldfastProblemCode } from 'holdfast-client';

const client = createHoldfastClient({ baseUrl: 'http://127.0.0.1:3000', token: () => 'token' });

// @ts-expect-error: there is no such path
await client.GET('/room');
// @ts-expect-error: the path does not take this method
await client.POST('/rooms/summary');
// @ts-expect-error: ids are numbers
await client.POST('/rooms/hold', { body: { room_ids: ['1'] } });
// @ts-expect-error: a field is missing
await client.POST('/rooms', { body: { room_no: '1' } });
// @ts-expect-error: an id is a number
await client.GET('/rooms/{room_id}', { params: { path: { room_id: 'one' } } });
// @ts-expect-error: no such status
await client.GET('/rooms', { params: { query: { room_status: ['FREE'] } } });
// @ts-expect-error: no such code
export const code: HoldfastProblemCode = 'room-gone';

/** Tells the facts of a problem: only those of its own code are there. */
export function factsOf(problem: HoldfastProblem): unknown {
  switch (problem.code) {
    case 'room-unavailable':
      return problem.conflicts;
    case 'hold-lifetime-exceeded':
      // @ts-expect-error: a fact of another code
      return problem.conflicts;
    case 'request-invalid':
      return problem.errors[0]?.path;
    default:
      return undefined;
  }
}
