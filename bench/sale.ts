/** Owns the flash sale that most sections load: one server on one database full of free rooms. */
import { fillFree, freshLeft, runSql } from './databases.ts';
import type { FreshRooms } from './fresh-rooms.ts';
import type { Outcome, Script } from './load.ts';
import type { Server, World } from './world.ts';

/** The sale, whose rooms are used up as the run goes on. */
export type Sale = Readonly<{
  server: Server;
  /** The rooms that nobody has held yet; `use` says how many of them somebody has since. */
  fresh(): FreshRooms;
  use(count: number): void;
  /** Fills the property anew unless this many fresh rooms are left. */
  stock(count: number): Promise<void>;
  /** Loads the server by autocannon, after a checkpoint, and refuses an outcome with other answers than these. */
  load(connections: number, script: Script, statuses: readonly number[]): Promise<Outcome>;
}>;

/** Answers other than these mean that something else was measured than was meant. */
export function mustAnswer({ statuses }: Outcome, wanted: readonly number[]): void {
  const others = Object.keys(statuses).filter((status) => !wanted.includes(Number(status)));
  if (others.length > 0) throw new Error(`unexpected answers: ${JSON.stringify(statuses)}`);
}

/** Opens the sale. Its server is warm: it has placed holds and read lists for a few seconds. */
export async function openSale(world: World): Promise<Sale> {
  const { scale, loader, token, say } = world;
  const databaseUrl = await world.createDatabase('sale');
  say(`filling a property of ${scale.roomsMax / 2} rooms`);
  let fresh = await fillFree(databaseUrl, scale.roomsMax / 2);
  const server = await world.startServer('sale', databaseUrl);
  const sale: Sale = {
    server,
    fresh: () => fresh,
    use: (count) => {
      fresh = { ...fresh, from: fresh.from + count };
    },
    async stock(count) {
      if (freshLeft(fresh) >= count) return;
      say('filling the property anew');
      fresh = await fillFree(databaseUrl, scale.roomsMax / 2);
    },
    async load(connections, script, statuses) {
      // Each side begins as far from the next checkpoint as the other.
      await runSql(databaseUrl, 'CHECKPOINT');
      const outcome = await loader.run({
        kind: 'autocannon',
        origin: server.origin,
        token,
        connections,
        script,
        warmSeconds: scale.warmSeconds,
        seconds: scale.seconds,
      });
      sale.use(outcome.freshUsed);
      mustAnswer(outcome, statuses);
      return outcome;
    },
  };
  await sale.load(64, { kind: 'hold', fresh }, [201]);
  await sale.load(16, { kind: 'hold', fresh: sale.fresh(), next: 'list' }, [200, 201]);
  return sale;
}
