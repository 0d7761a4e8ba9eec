/** Owns the islands: rooms of one type each, with clients that stay there, so that each can be judged by itself. */

import { Agent } from 'node:http';
import { z } from 'zod';
import type { HoldSeen, RoomSeen } from '../history.ts';
import { send } from './http.ts';

/** Rooms of one type. Holds never cross islands. */
export type Island = Readonly<{
  index: number;
  typeId: number;
  roomIds: readonly number[];
  /** What clients of the island have last seen of its rooms: they choose by it, it need not be so. */
  seen: Map<number, string>;
}>;

/** Remembers what an answer showed. */
export function remember(island: Island, { room, hold }: { room?: RoomSeen; hold?: HoldSeen }): void {
  if (room !== undefined) island.seen.set(room.roomId, room.status);
  const statuses: Record<string, string> = { ACTIVE: 'HELD', CONFIRMED: 'BOOKED' };
  for (const [roomId] of hold?.rooms ?? []) {
    island.seen.set(roomId, statuses[hold?.status ?? ''] ?? 'AVAILABLE');
  }
}

const typeSchema = z.object({ room_type_id: z.int() });
const roomSchema = z.object({ room_id: z.int() });

/** Makes the islands over the API of the server at `port`, so that the audit trail begins with them. */
export async function makeIslands(options: {
  port: number;
  token: string;
  islandsCount: number;
  roomsPerIsland: number;
}): Promise<Island[]> {
  const { port, token, islandsCount, roomsPerIsland } = options;
  const agent = new Agent({ keepAlive: true });
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const reply = await send({ agent, port, method: 'POST', path, token, body, patienceMs: 10_000 });
    if (reply.kind !== 'answer' || reply.status !== 201)
      throw new Error(`POST ${path}: ${JSON.stringify(reply)}`);
    return JSON.parse(reply.body);
  };
  const islands: Island[] = [];
  for (let index = 0; index < islandsCount; index += 1) {
    const type = typeSchema.parse(await post('/room-types', { name: `Island ${index}` }));
    const roomIds: number[] = [];
    for (let room = 1; room <= roomsPerIsland; room += 1) {
      const body = { room_no: `${index + 1}0${room}`, room_type_id: type.room_type_id, floor: 'new' };
      roomIds.push(roomSchema.parse(await post('/rooms', body)).room_id);
    }
    islands.push({
      index,
      typeId: type.room_type_id,
      roomIds,
      seen: new Map(roomIds.map((roomId) => [roomId, 'AVAILABLE'])),
    });
  }
  agent.destroy();
  return islands;
}
