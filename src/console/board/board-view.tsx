/** Owns the board: every room, as it is now. */
import { useEffect, useRef, useState } from 'react';
import type { Room } from '../api/wire.ts';
import { useLiveState } from '../live/hooks.ts';
import { Button } from '../parts/button.tsx';
import { Empty, Failure, Waiting } from '../parts/notice.tsx';
import { useSignedIn } from '../session/context.tsx';
import { BoardGrid } from './board-grid.tsx';
import { BoardHead } from './board-head.tsx';
import { isFiltering } from './filters.ts';
import { FreezeDialog } from './freeze-dialog.tsx';
import { Inspector } from './inspector.tsx';
import { UnfreezeDialog } from './unfreeze-dialog.tsx';
import { useBoard } from './use-board.ts';
import './board.css';

function Blank({ board }: { board: ReturnType<typeof useBoard> }) {
  const { live } = useSignedIn();
  const { status, problem } = useLiveState();
  if (!live.board.isLoaded()) {
    if (status === 'loading') return <Waiting what="rooms" />;
    return <Failure error={problem} retry={status === 'failed' ? live.reload : undefined} />;
  }
  if (isFiltering(board.filter)) {
    return (
      <Empty
        title="No room is like that"
        action={
          <Button
            onPress={() =>
              board.setWords({ status: undefined, type: undefined, reason: undefined, room_no: undefined })
            }
          >
            Clear filters
          </Button>
        }
      >
        {board.rooms.size} rooms are hidden by the filters.
      </Empty>
    );
  }
  return (
    <Empty title="There are no rooms yet">
      Rooms are made with POST /rooms, or imported from a file with the command line.
    </Empty>
  );
}

/** The board. */
export function BoardView() {
  const board = useBoard();
  const [dialog, setDialog] = useState<{ kind: 'freeze' | 'unfreeze'; rooms: readonly Room[] }>();
  const grid = useRef<HTMLDivElement>(null);
  const close = (): void => {
    setDialog(undefined);
    // What opened the dialog may be gone by now (Unfreeze, of a room that is no longer frozen).
    // The dialog gives the focus back in the next frame, so this looks in the one after.
    const look = (): void => {
      if (document.activeElement !== document.body) return;
      const place = grid.current?.querySelector('[role=option][tabindex="0"]');
      if (place instanceof HTMLElement) place.focus();
    };
    requestAnimationFrame(() => requestAnimationFrame(look));
  };
  const [only] = board.chosen.length === 1 ? board.chosen : [];
  const onlyId = only?.room_id;
  useEffect(() => {
    // On a small screen the panel would lie over the room that it is about.
    if (onlyId === undefined) return;
    grid.current?.querySelector(`[data-room="${onlyId}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [onlyId]);
  const frozen = board.chosen.filter((room) => room.room_status === 'FROZEN');
  return (
    <div className="board">
      <h1 className="visually-hidden">Board</h1>
      <BoardHead
        counts={board.counts}
        filter={board.filter}
        grouping={board.grouping}
        roomTypes={board.roomTypes}
        shownCount={board.shown.length}
        totalCount={board.rooms.size}
        setWords={board.setWords}
      />
      <div className="board-tiles" ref={grid}>
        {board.shown.length === 0 ? (
          <Blank board={board} />
        ) : (
          <BoardGrid
            groups={board.groups}
            grouping={board.grouping}
            typeNames={board.typeNames}
            selected={board.selected}
            onSelect={board.select}
          />
        )}
      </div>
      <Inspector
        chosen={board.chosen}
        typeNames={board.typeNames}
        onFreeze={() => setDialog({ kind: 'freeze', rooms: board.chosen })}
        onUnfreeze={() => setDialog({ kind: 'unfreeze', rooms: frozen })}
        onClear={board.clear}
      />
      {dialog?.kind === 'freeze' && <FreezeDialog rooms={dialog.rooms} onClose={close} />}
      {dialog?.kind === 'unfreeze' && <UnfreezeDialog rooms={dialog.rooms} onClose={close} />}
    </div>
  );
}
