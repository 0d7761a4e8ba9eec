/** Owns the grid of tiles: groups, selection, and going about in it by keyboard. */
import { memo, useMemo } from 'react';
import { Collection, Header, ListBox, ListBoxSection, type Selection } from 'react-aria-components';
import type { Room } from '../api/wire.ts';
import type { Group, Grouping } from './filters.ts';
import { Tile } from './tile.tsx';

type Props = {
  groups: readonly Group[];
  grouping: Grouping;
  typeNames: ReadonlyMap<number, string>;
  selected: ReadonlySet<number>;
  onSelect: (selection: Selection) => void;
};

const freeText = (rooms: readonly Room[]): string =>
  `${rooms.filter((room) => room.room_status === 'AVAILABLE').length} of ${rooms.length} available`;

/** The tiles. Arrow keys go about in two dimensions, Space selects, Escape selects nothing. */
export const BoardGrid = memo(function BoardGrid({ groups, grouping, typeNames, selected, onSelect }: Props) {
  const beside = useMemo(
    () => (room: Room) =>
      grouping === 'floor'
        ? (typeNames.get(room.room_type_id) ?? '')
        : room.floor === null
          ? ''
          : `Floor ${room.floor}`,
    [grouping, typeNames],
  );
  return (
    <ListBox
      aria-label="Rooms"
      className="board-grid"
      items={groups}
      dependencies={[beside]}
      layout="grid"
      selectionMode="multiple"
      selectedKeys={selected}
      onSelectionChange={onSelect}
    >
      {(group) => (
        <ListBoxSection id={group.key} className="board-group" aria-label={group.name}>
          <Header className="board-group-head">
            <span className="board-group-name">{group.name}</span> <span>{freeText(group.rooms)}</span>
          </Header>
          <Collection items={group.rooms} dependencies={[beside]}>
            {(room) => <Tile id={room.room_id} room={room} beside={beside(room)} />}
          </Collection>
        </ListBoxSection>
      )}
    </ListBox>
  );
});
