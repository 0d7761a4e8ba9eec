/** Owns the proof that `npm run client` makes a client that compiles, refuses what is wrong, and works. */
import { expect, onTestFinished, test } from 'vitest';
import { startTestApp } from '../helpers/app.ts';
import { makeRooms } from '../helpers/property.ts';
import { startProgram } from '../helpers/server-process.ts';

/** Builds, and two compilers, on a cold machine that does other things as well. */
const buildMsMax = 240_000;

const run = async (command: string, args: readonly string[], env: Record<string, string> = {}) => {
  const started = startProgram(command, args, env);
  return { code: await started.ended, output: started.output(), errors: started.errors() };
};

test(
  'the typed client compiles, refuses wrong uses, and holds, meets a conflict and confirms on a server',
  async () => {
    const built = await run('npm', ['run', '--silent', 'client']);
    expect(built).toMatchObject({ code: 0, output: 'client/dist has the typed client\n' });
    const compiler = 'node_modules/typescript/bin/tsc';
    const compiled = await run(process.execPath, [compiler, '--project', 'client/tsconfig.uses.json']);
    expect(compiled).toMatchObject({ code: 0, output: '' });

    const server = await startTestApp();
    onTestFinished(server.close);
    await makeRooms(server, ['101', '102', '103']);
    const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
    const example = await run(process.execPath, ['--import', 'tsx', 'client/examples/checkout.ts'], {
      HOLDFAST_URL: url,
      HOLDFAST_TOKEN: server.as.frontend,
    });
    expect(example.errors).toBe('');
    expect(example.output.split('\n')).toEqual([
      'held 101, 102 for 900 s',
      '102 is HELD, free in time',
      'CONFIRMED as B-1001',
      '',
    ]);
    const [room] = await server.database.query(
      'SELECT room_status, booking_reference FROM room WHERE room_id = 1',
    );
    expect(room).toEqual({ room_status: 'BOOKED', booking_reference: 'B-1001' });
  },
  buildMsMax,
);
