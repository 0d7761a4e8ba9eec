/** Owns the proof that the server does what the model says, over random sequences of every verb. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectAuditExplainsTables } from '../races/audit-replay.ts';
import { type Instances, startInstances } from '../races/instances.ts';
import { commands, expectAsInModel, type Real } from './commands.ts';
import { type Model, newRoom } from './property-model.ts';

/** Sequences per test: as many as take about ten seconds on two cores. */
const runCount = 60;
const commandCountMax = 60;
/** Far more than it takes, for machines that have much else to do. */
const testMsMax = 120_000;
const holdsActiveMax = 2;

let instances: Instances;
beforeAll(async () => {
  instances = await startInstances({ HOLDS_ACTIVE_MAX: String(holdsActiveMax) });
});
afterAll(() => instances.close());

let runs = 0;
async function startRun(): Promise<{ model: Model; real: Real }> {
  runs += 1;
  const run = `run-${runs}`;
  const { roomTypeId, roomIds } = await instances.makeRooms(6);
  const shown = await Promise.all(
    roomIds.map((id) => instances.call(0)('GET', `/rooms/${id}`, { token: instances.apps[0].as.admin })),
  );
  return {
    model: { rooms: shown.map(({ body }) => newRoom(body.room_id, body.room_no)), holds: [], holdsActiveMax },
    real: { instances, run, roomTypeId, calls: 0 },
  };
}

test.each([
  { seed: 20261122, numRuns: runCount },
  // Another seed each time; a failure prints it.
  { seed: Math.floor(Math.random() * 2 ** 31), numRuns: runCount / 10 },
])(
  '$numRuns runs of seed $seed: every answer, and then everything, is as in the model',
  async (parameters) => {
    const sequences = fc.commands(commands, { maxCommands: commandCountMax, size: 'max' });
    await fc.assert(
      fc.asyncProperty(sequences, async (sequence) => {
        const { model, real } = await startRun();
        await fc.asyncModelRun(() => ({ model, real }), sequence);
        await expectAsInModel(model, real);
        await expectAuditExplainsTables(instances, model.rooms[0]?.room_id);
      }),
      parameters,
    );
    await expectAuditExplainsTables(instances);
    expect(runs).toBeGreaterThanOrEqual(parameters.numRuns);
  },
  testMsMax,
);
