/** Owns that the shapes the console reads are the server's own: a difference does not compile. */
import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { auditEntrySchema, auditPageSchema } from '../../src/audit/schemas.ts';
import type * as wire from '../../src/console/api/wire.ts';
import type { holdPageSchema, holdSchema } from '../../src/holds/schemas.ts';
import type { roomPageSchema, roomSchema, roomTypesSchema } from '../../src/rooms/schemas.ts';

test('the console reads rooms, types, holds and audit entries in the shapes that the server answers', () => {
  expectTypeOf<wire.Room>().toEqualTypeOf<z.infer<typeof roomSchema>>();
  expectTypeOf<wire.RoomPage>().toEqualTypeOf<z.infer<typeof roomPageSchema>>();
  expectTypeOf<wire.RoomTypes>().toEqualTypeOf<z.infer<typeof roomTypesSchema>>();
  expectTypeOf<wire.Hold>().toEqualTypeOf<z.infer<typeof holdSchema>>();
  expectTypeOf<wire.HoldPage>().toEqualTypeOf<z.infer<typeof holdPageSchema>>();
  expectTypeOf<wire.AuditEntry>().toEqualTypeOf<z.infer<typeof auditEntrySchema>>();
  expectTypeOf<wire.AuditPage>().toEqualTypeOf<z.infer<typeof auditPageSchema>>();
});
