/** Owns the grid of tiles: groups with their heads, and what of it is drawn again when. */
import { memo, useCallback, useId, useMemo } from 'react';
import type { Room } from '../api/wire.ts';
import type { Group, Grouping } from './filters.ts';
import { Tile } from './tile.tsx';
import { useGrid } from './use-grid.ts';

type Props = {
  groups: readonly Group[];
  grouping: Grouping;
  typeNames: ReadonlyMap<number, string>;
  selected: ReadonlySet<number>;
  onSelect: (roomIds: ReadonlySet<number>) => void;
};

const freeText = (rooms: readonly Room[]): string =>
  `${rooms.filter((room) => room.room_status === 'AVAILABLE').length} of ${rooms.length} available`;

type GroupProps = {
  group: Group;
  beside: (room: Room) => string;
  selected: ReadonlySet<number>;
  stopId: number | undefined;
};

function TileGroup({ group, beside, selected, stopId }: GroupProps) {
  const headId = useId();
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields; within a list box the role is group
    <div role="group" className="board-group" aria-labelledby={headId}>
      <div className="board-group-head" role="presentation">
        <span className="board-group-name" id={headId}>
          {group.name}
        </span>{' '}
        <span>{freeText(group.rooms)}</span>
      </div>
      {group.rooms.map((room) => (
        <Tile
          key={room.room_id}
          room={room}
          beside={beside(room)}
          isSelected={selected.has(room.room_id)}
          isStop={room.room_id === stopId}
        />
      ))}
    </div>
  );
}

/** The tiles. Arrow keys go about in two dimensions, Space selects, Shift extends, Escape selects nothing. */
export const BoardGrid = memo(function BoardGrid({ groups, grouping, typeNames, ...props }: Props) {
  const { selected, onSelect } = props;
  const rooms = useMemo(() => groups.flatMap((group) => group.rooms), [groups]);
  const { stopId, handlers } = useGrid({ rooms, selected, onSelect });
  const beside = useCallback(
    (room: Room): string => {
      if (grouping === 'floor') return typeNames.get(room.room_type_id) ?? '';
      return room.floor === null ? '' : `Floor ${room.floor}`;
    },
    [grouping, typeNames],
  );
  return (
    <div
      {...handlers}
      role="listbox"
      aria-label="Rooms"
      aria-multiselectable
      aria-orientation="horizontal"
      className="board-grid"
    >
      {groups.map((group) => (
        <TileGroup key={group.key} group={group} beside={beside} selected={selected} stopId={stopId} />
      ))}
    </div>
  );
});
