/** Owns the examples of rooms and room types in the OpenAPI document. They work on the demonstration property. */
import type { OperationExamples } from '../http/openapi-document.ts';

/** An AVAILABLE room, as the demonstration property has it. */
export const roomExample = {
  room_id: 5,
  room_no: '105',
  room_type_id: 1,
  floor: '1',
  room_status: 'AVAILABLE',
  freeze_reason: 'NONE',
  freeze_note: null,
  freeze_expires_at: null,
  hold_id: null,
  hold_expires_at: null,
  booking_reference: null,
  fence: 0,
  created_at: '2026-11-22T17:00:12.041Z',
  updated_at: '2026-11-22T17:00:12.041Z',
};

const roomTypeExample = { room_type_id: 4, name: 'Family', created_at: '2026-11-22T17:04:31.310Z' };

/** Of each operation on rooms and room types. */
export const roomExamples = {
  create: {
    bodies: {
      room: { summary: 'A room on a floor', value: { room_no: '401', room_type_id: 2, floor: '4' } },
      plain: { summary: 'A room without a floor', value: { room_no: 'Garden house', room_type_id: 3 } },
    },
    answer: { ...roomExample, room_id: 61, room_no: '401', room_type_id: 2, floor: '4' },
  },
  list: {
    parameters: {
      is_freezed: false,
      room_status: ['AVAILABLE', 'MAINTENANCE'],
      freeze_reason: 'CLEANING',
      room_type_id: 2,
      floor: '1',
      room_no: '10',
      sort: '-hold_expires_at',
      limit: 20,
    },
    answer: { rooms: [roomExample], next_cursor: null },
  },
  summarize: {
    answer: {
      total: 60,
      by_status: { AVAILABLE: 55, BOOKED: 1, MAINTENANCE: 1, FROZEN: 1, HELD: 2 },
      by_freeze_reason: { NONE: 59, CLEANING: 0, ADMIN_LOCK: 1, SYSTEM_HOLD: 0 },
    },
  },
  get: { parameters: { room_id: 5 }, answer: roomExample },
  change: {
    parameters: { room_id: 12 },
    bodies: {
      'check-in': { summary: 'Check a guest in without a hold', value: { room_status: 'BOOKED' } },
      'check-out': { summary: 'Check a guest out', value: { room_status: 'AVAILABLE' } },
      maintenance: { summary: 'Put it into maintenance', value: { room_status: 'MAINTENANCE' } },
      move: {
        summary: 'Another number, type and floor',
        value: { room_no: '112a', room_type_id: 2, floor: '1a' },
      },
    },
    answer: { ...roomExample, room_id: 12, room_no: '112', room_type_id: 2, room_status: 'BOOKED' },
  },
  remove: { parameters: { room_id: 60 } },
  createType: { bodies: { type: { summary: 'A type', value: { name: 'Family' } } }, answer: roomTypeExample },
  listTypes: { answer: { room_types: [roomTypeExample] } },
  changeType: {
    parameters: { room_type_id: 4 },
    bodies: { rename: { summary: 'Another name', value: { name: 'Family suite' } } },
    answer: { ...roomTypeExample, name: 'Family suite' },
  },
  removeType: { parameters: { room_type_id: 4 } },
} satisfies Record<string, OperationExamples>;
