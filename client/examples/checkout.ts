/** Owns an example: a checkout that holds two rooms, finds a third taken, and confirms what it has. */
import { createHoldfastClient } from 'holdfast-client';

const client = createHoldfastClient({
  baseUrl: process.env.HOLDFAST_URL ?? 'http://127.0.0.1:3000',
  token: process.env.HOLDFAST_TOKEN ?? '',
});

const placed = await client.POST('/rooms/hold', {
  params: { header: { 'idempotency-key': `cart-${process.pid}` } },
  body: { room_ids: [1, 2], reference: 'cart-8812' },
});
if (placed.error) throw new Error(`${placed.error.code}: ${placed.error.detail}`);
const { hold_id, rooms, expires_in_seconds } = placed.data;
console.log(`held ${rooms.map((room) => room.room_no).join(', ')} for ${expires_in_seconds} s`);

const refused = await client.POST('/rooms/hold', { body: { room_ids: [2, 3] } });
if (refused.error?.code === 'room-unavailable') {
  // The code tells which facts there are.
  for (const { room_no, room_status, free_at } of refused.error.conflicts) {
    console.log(`${room_no} is ${room_status}, free ${free_at === null ? 'some day' : 'in time'}`);
  }
}

const confirmed = await client.POST('/rooms/hold/{hold_id}/confirm', {
  params: { path: { hold_id } },
  body: { booking_reference: 'B-1001' },
});
if (confirmed.error) throw new Error(`${confirmed.error.code}: ${confirmed.error.detail}`);
console.log(`${confirmed.data.status} as ${confirmed.data.booking_reference}`);
