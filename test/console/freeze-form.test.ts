/** Owns what the form of a freeze asks of the server. */
import { expect, test } from 'vitest';
import {
  type FreezeForm,
  freezeBodyOf,
  freezeFormOf,
  localText,
} from '../../src/console/board/freeze-form.ts';
import { roomOf } from './rooms.ts';

const now = Date.parse('2026-11-22T10:00:00.000Z');
const form = (changes: Partial<FreezeForm>): FreezeForm => ({
  reason: 'CLEANING',
  note: '',
  end: 'never',
  endsAt: '',
  ...changes,
});

test('a note and an end are sent only when there are any', () => {
  expect(freezeBodyOf(form({ note: '  ' }), now)).toEqual({ body: { freeze_reason: 'CLEANING' } });
  expect(freezeBodyOf(form({ note: 'Paint', end: '3600' }), now)).toEqual({
    body: { freeze_reason: 'CLEANING', freeze_note: 'Paint', expires_in_seconds: 3600 },
  });
});

test('a date and time is counted by the database’s clock', () => {
  expect(freezeBodyOf(form({ end: 'at', endsAt: localText(now + 7_200_000) }), now)).toEqual({
    body: { freeze_reason: 'CLEANING', expires_in_seconds: 7200 },
  });
});

test('what the server would refuse is told at the field', () => {
  const errorsOf = (changes: Partial<FreezeForm>) => {
    const asked = freezeBodyOf(form(changes), now);
    return 'errors' in asked ? Object.keys(asked.errors) : [];
  };
  expect(errorsOf({ note: 'x'.repeat(501) })).toEqual(['note']);
  expect(errorsOf({ note: '🛏'.repeat(500) })).toEqual([]);
  expect(errorsOf({ end: 'at', endsAt: '' })).toEqual(['endsAt']);
  expect(errorsOf({ end: 'at', endsAt: localText(now) })).toEqual(['endsAt']);
  expect(errorsOf({ end: 'at', endsAt: localText(now + 400 * 86_400_000) })).toEqual(['endsAt']);
});

test('one frozen room begins with its own freeze, several with none', () => {
  const frozen = roomOf({
    room_status: 'FROZEN',
    freeze_reason: 'SYSTEM_HOLD',
    freeze_note: 'PMS',
    freeze_expires_at: '2026-11-22T12:00:00.000Z',
  });
  const endsAt = localText(Date.parse('2026-11-22T12:00:00.000Z'));
  expect(freezeFormOf([frozen])).toEqual({ reason: 'SYSTEM_HOLD', note: 'PMS', end: 'at', endsAt });
  expect(freezeFormOf([frozen, frozen])).toMatchObject({ note: '', end: 'never' });
  expect(freezeFormOf([roomOf()])).toMatchObject({ note: '', end: 'never' });
});
