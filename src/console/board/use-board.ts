/** Owns what the board draws: rooms in order, filtered and grouped, their counts, and which of them are selected. */
import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import type { Room, RoomType } from '../api/wire.ts';
import { usePlace } from '../layout/use-place.ts';
import { useEntries, useRooms } from '../live/hooks.ts';
import { useSignedIn } from '../session/context.tsx';
import { countByStatus, filterOf, type Grouping, groupRooms, openRoomOrder, passes } from './filters.ts';

const noTypes: readonly RoomType[] = [];

/** The room types, by name in order; read again when one is made, renamed or deleted. */
export function useRoomTypes(): readonly RoomType[] {
  const { calls } = useSignedIn();
  const { data = noTypes, refetch } = useQuery({
    queryKey: ['room-types'],
    queryFn: async () => (await calls.listRoomTypes()).value.room_types,
  });
  useEntries(
    useCallback(
      (entry) => {
        if (entry.entity === 'room_type') void refetch();
      },
      [refetch],
    ),
  );
  return data;
}

/** The selected rooms among those that are shown: what cannot be seen is not acted on. */
function useSelection(shown: readonly Room[]) {
  const [keys, setKeys] = useState<ReadonlySet<number>>(new Set());
  const chosen = useMemo(() => shown.filter((room) => keys.has(room.room_id)), [shown, keys]);
  const selected = useMemo(() => new Set(chosen.map((room) => room.room_id)), [chosen]);
  const select = setKeys;
  const clear = useCallback(() => setKeys(new Set()), []);
  return { chosen, selected, select, clear };
}

/** The board as the place's filters ask for it. */
export function useBoard() {
  const { filters: words, filter: setWords } = usePlace();
  const rooms = useRooms();
  const roomTypes = useRoomTypes();
  const [inOrder] = useState(openRoomOrder);
  const grouping: Grouping = words.group === 'type' ? 'type' : 'floor';
  const filter = useMemo(() => filterOf(words), [words]);
  const typeNames = useMemo(
    () => new Map(roomTypes.map((type) => [type.room_type_id, type.name])),
    [roomTypes],
  );
  const ordered = useMemo(() => inOrder(rooms), [inOrder, rooms]);
  const shown = useMemo(() => ordered.filter((room) => passes(room, filter)), [ordered, filter]);
  const groups = useMemo(() => groupRooms(shown, grouping, typeNames), [shown, grouping, typeNames]);
  const counts = useMemo(() => countByStatus(ordered, filter), [ordered, filter]);
  const selection = useSelection(shown);
  return { rooms, roomTypes, typeNames, filter, setWords, grouping, shown, groups, counts, ...selection };
}
