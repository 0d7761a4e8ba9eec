/** Owns the examples of holds in the OpenAPI document. They work on the demonstration property. */
import type { OperationExamples } from '../http/openapi-document.ts';

const holdExample = {
  hold_id: '019aac8f-1d2b-7c41-9f3a-5b0c6e7d8f90',
  status: 'ACTIVE',
  holder: 'frontend',
  created_by: 'frontend',
  reference: 'cart-8812',
  rooms: [
    { room_id: 7, room_no: '107', fence: 1 },
    { room_id: 8, room_no: '108', fence: 3 },
  ],
  created_at: '2026-11-22T17:05:56.383Z',
  expires_at: '2026-11-22T17:20:56.383Z',
  expires_in_seconds: 900,
  booking_reference: null,
  reacquired: false,
  ended_at: null,
};

const { hold_id } = holdExample;

/** Of each operation on holds. */
export const holdExamples = {
  place: {
    parameters: { 'idempotency-key': 'cart-8812-try-1' },
    bodies: {
      rooms: { summary: 'These rooms, all or none', value: { room_ids: [7, 8], reference: 'cart-8812' } },
      type: {
        summary: 'Any two rooms of a type, for ten minutes',
        value: { room_type_id: 2, quantity: 2, ttl_seconds: 600 },
      },
      holder: {
        summary: 'For a customer of yours (a token with ROOM_HOLD:DELEGATE)',
        value: { room_ids: [9], holder: 'customer-1' },
      },
    },
    answer: holdExample,
  },
  list: {
    parameters: {
      status: 'ACTIVE',
      holder: 'customer-1',
      reference: 'cart-8812',
      booking_reference: 'B-1001',
      room_id: 7,
      limit: 20,
    },
    answer: { holds: [holdExample], next_cursor: null },
  },
  get: { parameters: { hold_id }, answer: holdExample },
  extend: {
    parameters: { hold_id },
    bodies: { more: { summary: 'Ten minutes from now', value: { ttl_seconds: 600 } } },
    answer: { ...holdExample, expires_at: '2026-11-22T17:25:12.871Z', expires_in_seconds: 600 },
  },
  confirm: {
    parameters: { hold_id },
    bodies: {
      booked: { summary: 'Under the booking’s reference', value: { booking_reference: 'B-1001' } },
      late: {
        summary: 'After a payment that came late',
        value: { booking_reference: 'B-1001', reacquire: true },
      },
      plain: { summary: 'Without a reference', value: {} },
    },
    answer: {
      ...holdExample,
      status: 'CONFIRMED',
      expires_in_seconds: 0,
      booking_reference: 'B-1001',
      ended_at: '2026-11-22T17:12:40.006Z',
    },
  },
  release: {
    parameters: { hold_id },
    answer: {
      ...holdExample,
      status: 'RELEASED',
      expires_in_seconds: 0,
      ended_at: '2026-11-22T17:09:18.555Z',
    },
  },
} satisfies Record<string, OperationExamples>;
