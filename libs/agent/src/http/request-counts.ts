/** How many requests were answered, by route and status. */
export interface RequestCounts {
  add(route: string, status: number): void;
  entries(): Iterable<[{ route: string; status: number }, number]>;
}

export const createRequestCounts = (): RequestCounts => {
  const counts = new Map<string, Map<number, number>>();
  return {
    add: (route, status) => {
      let ofRoute = counts.get(route);
      if (!ofRoute) counts.set(route, (ofRoute = new Map()));
      ofRoute.set(status, (ofRoute.get(status) ?? 0) + 1);
    },
    *entries() {
      for (const [route, ofRoute] of counts)
        for (const [status, count] of ofRoute) yield [{ route, status }, count];
    },
  };
};
