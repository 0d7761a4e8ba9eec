/** Owns what stands above the tiles: the counts, which filter by status, and the other filters. */
import { X } from 'lucide-react';
import { ToggleButton, ToggleButtonGroup } from 'react-aria-components';
import type { RoomStatus, RoomType } from '../api/wire.ts';
import { Button } from '../parts/button.tsx';
import { ChoiceField, SearchField } from '../parts/fields.tsx';
import { statusLooks } from '../parts/status.tsx';
import { type BoardFilter, type Grouping, isFiltering, statuses } from './filters.ts';
import { reasonChoices } from './freeze-form.ts';

type Props = {
  counts: Record<RoomStatus, number>;
  filter: BoardFilter;
  grouping: Grouping;
  roomTypes: readonly RoomType[];
  shownCount: number;
  totalCount: number;
  setWords: (changes: Record<string, string | undefined>) => void;
};

const any = 'any';

/** How many rooms are in each status; pressing one shows those only, pressing it again shows all. */
function Counts({ counts, filter, setWords }: Pick<Props, 'counts' | 'filter' | 'setWords'>) {
  return (
    <ToggleButtonGroup
      className="board-counts"
      aria-label="Show only rooms that are"
      selectionMode="multiple"
      selectedKeys={filter.statuses}
      onSelectionChange={(keys) =>
        setWords({ status: statuses.filter((status) => keys.has(status)).join(',') })
      }
    >
      {statuses.map((status) => {
        const { name, short, Icon } = statusLooks[status];
        return (
          <ToggleButton key={status} id={status} className="board-count" data-status={status}>
            <Icon aria-hidden />
            <span className="board-count-name">{name}</span>
            <span className="board-count-short" aria-hidden>
              {short}
            </span>
            <span className="board-count-number">{counts[status]}</span>
          </ToggleButton>
        );
      })}
    </ToggleButtonGroup>
  );
}

function GroupingSwitch({ grouping, setWords }: Pick<Props, 'grouping' | 'setWords'>) {
  return (
    <ToggleButtonGroup
      className="board-grouping"
      aria-label="Group rooms by"
      selectionMode="single"
      disallowEmptySelection
      selectedKeys={[grouping]}
      onSelectionChange={(keys) => setWords({ group: keys.has('type') ? 'type' : undefined })}
    >
      <ToggleButton id="floor">By floor</ToggleButton>
      <ToggleButton id="type">By type</ToggleButton>
    </ToggleButtonGroup>
  );
}

const clearWords = { status: undefined, type: undefined, reason: undefined, room_no: undefined };

/** The counts and filters. */
export function BoardHead({ filter, roomTypes, setWords, ...props }: Props) {
  const typeChoices = [
    { id: any, text: 'All types' },
    ...roomTypes.map(({ room_type_id: id, name }) => ({ id: String(id), text: name })),
  ];
  return (
    <div className="board-head">
      <Counts counts={props.counts} filter={filter} setWords={setWords} />
      <search className="board-filters" aria-label="Filter rooms">
        <SearchField
          label="Room number"
          value={filter.roomNo}
          onChange={(roomNo) => setWords({ room_no: roomNo })}
          className="board-filter-no"
        />
        <ChoiceField
          label="Room type"
          isBare
          choices={typeChoices}
          value={filter.roomTypeId === undefined ? any : String(filter.roomTypeId)}
          onChange={(id) => setWords({ type: id === any ? undefined : id })}
        />
        <ChoiceField
          label="Reason of a freeze"
          isBare
          choices={[{ id: any, text: 'Any reason' }, ...reasonChoices]}
          value={filter.freezeReason ?? any}
          onChange={(id) => setWords({ reason: id === any ? undefined : id })}
        />
        <GroupingSwitch grouping={props.grouping} setWords={setWords} />
        <span className="board-shown" role="status">
          {isFiltering(filter)
            ? `${props.shownCount} of ${props.totalCount} rooms`
            : `${props.totalCount} ${props.totalCount === 1 ? 'room' : 'rooms'}`}
        </span>
        <Button
          tone="quiet"
          size="small"
          isDisabled={!isFiltering(filter)}
          className="board-clear"
          onPress={() => setWords(clearWords)}
        >
          <X aria-hidden /> Clear filters
        </Button>
      </search>
    </div>
  );
}
