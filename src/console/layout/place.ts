/** Owns the place in the console as the address tells it: `#/board?status=HELD`. It survives signing in and reloads. */

export type View = 'board' | 'holds' | 'audit';
export const views: readonly View[] = ['board', 'holds', 'audit'];

/** A view and its filters; a filter that is absent does not filter. */
export type Place = { view: View; filters: Readonly<Record<string, string>> };

/** The place that a URL's fragment names; the board when it names none. */
export function placeOf(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const view = views.find((name) => name === path) ?? 'board';
  return { view, filters: Object.fromEntries(new URLSearchParams(search)) };
}

/** The fragment that names a place. Filters that are empty or undefined are left out. */
export function hashOf(view: View, filters: Readonly<Record<string, string | undefined>> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) if (value) search.set(name, value);
  return `#/${view}${search.size === 0 ? '' : `?${search}`}`;
}

/** The one-time code of a sign-in link (`#code=XXXX`), or undefined. */
export function codeIn(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#\/?/, '')).get('code') ?? undefined;
}
