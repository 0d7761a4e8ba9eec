/** Owns what is made once for each method and route, so that no request has to: they are few, whatever clients send. */

/** Methods that routes have; Node knows some 30 more, and any of them is `otherMethod`. */
const methodsNamed = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS']);

/** The name that all other methods share. */
export const otherMethod = 'other';

/** Makes for each method and route, at its first request, what is the same for all others. */
export function perRoute<Made>(make: (method: string, route: string | undefined) => Made) {
  const made = new Map<string | undefined, Map<string, Made>>();
  return ({ method, route }: Readonly<{ method: string; route: string | undefined }>): Made => {
    const name = methodsNamed.has(method) ? method : otherMethod;
    let ofRoute = made.get(route);
    if (ofRoute === undefined) {
      ofRoute = new Map();
      made.set(route, ofRoute);
    }
    let one = ofRoute.get(name);
    if (one === undefined) {
      one = make(name, route);
      ofRoute.set(name, one);
    }
    return one;
  };
}
