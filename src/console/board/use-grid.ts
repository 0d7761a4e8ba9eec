/**
 * Owns going about and selecting in the grid of tiles. By hand, as a list of the component library draws every tile
 * again for each event: 350 ms for a thousand rooms, where this draws the one that changed.
 */
import {
  type FocusEvent,
  type KeyboardEvent,
  type MouseEvent,
  useCallback,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import type { Room } from '../api/wire.ts';
import { indexAfterKey, indexesBetween, openTypeahead } from './grid-keys.ts';

type Options = {
  /** The rooms in the order in which they are shown. */
  rooms: readonly Room[];
  selected: ReadonlySet<number>;
  onSelect: (roomIds: ReadonlySet<number>) => void;
};

const tileOf = (target: EventTarget): HTMLElement | null =>
  target instanceof Element ? target.closest<HTMLElement>('[data-room]') : null;

/** The handlers of the grid's element, and which tile a tab stop leads to. */
export function useGrid({ rooms, selected, onSelect }: Options) {
  const grid = useRef<HTMLDivElement>(null);
  const [currentId, setCurrentId] = useState<number>();
  const [typeahead] = useState(openTypeahead);
  /** Where a range begins: the last tile that was selected or left alone by itself. */
  const anchorId = useRef<number | undefined>(undefined);
  /** Which tile has the focus, and where; undefined while the focus is elsewhere. */
  const focused = useRef<{ tile: HTMLElement; index: number } | undefined>(undefined);

  const indexOf = (roomId: number | undefined): number => rooms.findIndex((room) => room.room_id === roomId);
  const elementAt = (index: number): HTMLElement | null =>
    grid.current?.querySelector<HTMLElement>(`[data-room="${rooms[index]?.room_id}"]`) ?? null;

  useLayoutEffect(() => {
    // The tile that had the focus is gone: filtered out, or deleted. The one in its place takes it.
    const was = focused.current;
    if (was === undefined || was.tile.isConnected || document.activeElement !== document.body) return;
    elementAt(Math.min(was.index, rooms.length - 1))?.focus();
  });

  const toggle = (roomId: number, isRange: boolean): void => {
    const next = new Set(selected);
    const from = indexOf(anchorId.current);
    if (isRange && from !== -1) {
      for (const index of indexesBetween(from, indexOf(roomId))) next.add(rooms[index]?.room_id ?? roomId);
    } else {
      if (!next.delete(roomId)) next.add(roomId);
      anchorId.current = roomId;
    }
    onSelect(next);
  };

  const onClick = (event: MouseEvent): void => {
    const roomId = Number(tileOf(event.target)?.dataset.room);
    if (roomId > 0) toggle(roomId, event.shiftKey);
  };

  const moveTo = (index: number, isRange: boolean, from: number): void => {
    const element = elementAt(index);
    element?.focus({ preventScroll: true });
    element?.scrollIntoView({ block: 'nearest' });
    if (!isRange) return;
    anchorId.current ??= rooms[from]?.room_id;
    const between = indexesBetween(indexOf(anchorId.current), index);
    onSelect(new Set(between.flatMap((at) => rooms[at]?.room_id ?? [])));
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const roomId = Number(tileOf(event.target)?.dataset.room);
    const index = indexOf(roomId);
    if (index === -1 || event.altKey) return;
    const isCommand = event.ctrlKey || event.metaKey;
    const next = indexAfterKey(event.key, index, {
      count: rooms.length,
      spotOf: (at) => {
        const { top = 0, left = 0 } = elementAt(at)?.getBoundingClientRect() ?? {};
        return { top, left };
      },
      pageHeight: (grid.current?.parentElement?.clientHeight ?? 0) * 0.9,
    });
    if (next !== undefined) moveTo(next, event.shiftKey, index);
    else if (event.key === ' ' || event.key === 'Enter') toggle(roomId, event.shiftKey);
    else if (event.key === 'Escape') {
      anchorId.current = undefined;
      onSelect(new Set());
    } else if (isCommand && event.key === 'a') onSelect(new Set(rooms.map((room) => room.room_id)));
    else if (!isCommand && event.key.length === 1) {
      const word = typeahead(event.key, performance.now());
      const found = rooms.findIndex((room) => room.room_no.toLowerCase().startsWith(word));
      if (found !== -1) moveTo(found, false, index);
    } else return;
    event.preventDefault();
  };

  const onFocus = useCallback(
    (event: FocusEvent): void => {
      const tile = tileOf(event.target);
      if (tile === null) return;
      const roomId = Number(tile.dataset.room);
      focused.current = { tile, index: rooms.findIndex((room) => room.room_id === roomId) };
      setCurrentId(roomId);
    },
    [rooms],
  );
  const onBlur = (): void => {
    const was = focused.current;
    // Whether the person left the tile or the tile was taken away is known once it is, or is not.
    queueMicrotask(() => {
      if (was?.tile.isConnected && document.activeElement !== was.tile) focused.current = undefined;
    });
  };

  const stopId = indexOf(currentId) === -1 ? rooms[0]?.room_id : currentId;
  return { stopId, handlers: { ref: grid, onClick, onKeyDown, onFocus, onBlur } };
}
