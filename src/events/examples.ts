/** Owns the examples of the event stream in the OpenAPI document. */
import type { OperationExamples } from '../http/openapi-document.ts';

const helloExample = 'retry: 1500\n\nevent: hello\nid: 4711\ndata: {"last_event_id":"4711"}\n\n';

const entryExample = {
  audit_id: 4712,
  at: '2026-11-22T17:05:56.383Z',
  entity: 'room',
  entity_id: '5',
  action: 'FREEZE',
  old_value: { room_status: 'AVAILABLE', freeze_reason: 'NONE' },
  new_value: { room_status: 'FROZEN', freeze_reason: 'CLEANING', updated_at: '2026-11-22T17:05:56.383Z' },
  actor: 'ana',
  hold_id: null,
  request_id: '0b8f3c52-7f0e-4a5e-9d53-1c1f6a2b7e90',
};

/** Of GET /events: what a client reads first. */
export const eventExamples: OperationExamples = {
  parameters: { room_id: 5, last_event_id: '4711', 'last-event-id': '4711' },
  answer: `${helloExample}id: 4712\nevent: room.freeze\ndata: ${JSON.stringify(entryExample)}\n\n:\n\n`,
};
