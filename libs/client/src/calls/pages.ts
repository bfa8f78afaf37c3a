/** Which page of a list. */
export interface Page {
  /** Up to this many elements; each list of the gateway has its own default and maximum. */
  pageSize?: number;
  /** The nextPageToken of the page before, with the same filter. */
  pageToken?: string;
}

/** One page of a list, and the token of the page that follows it. */
interface PageOf<T> {
  items: T[];
  nextPageToken: string | undefined;
}

/** The elements of a list. Asks for a page when the elements before it have been read. */
export async function* eachOf<T>(page: (token: string) => Promise<PageOf<T>>): AsyncGenerator<T> {
  let token: string | undefined = '';
  while (token !== undefined) {
    const { items, nextPageToken }: PageOf<T> = await page(token);
    yield* items;
    token = nextPageToken || undefined;
  }
}

/** The elements of a list, read a page at a time. It can be iterated once. */
export interface PagedList<T> extends AsyncIterable<T> {
  /** A page that was read so far is incomplete: elements may be missing. Look after the last element. */
  readonly incomplete: boolean;
}

/** The elements of a list whose pages say whether they are incomplete. */
export const pagedList = <T>(
  page: (token: string) => Promise<PageOf<T> & { incomplete: boolean }>,
): PagedList<T> => {
  let incomplete = false;
  const elements = eachOf(async (token) => {
    const read = await page(token);
    incomplete ||= read.incomplete;
    return read;
  });
  return Object.defineProperty(elements, 'incomplete', { get: () => incomplete }) as typeof elements &
    PagedList<T>;
};

/** The elements of a list, after its last page. */
export const allOf = async <T>(page: (token: string) => Promise<PageOf<T>>): Promise<T[]> => {
  const all: T[] = [];
  for await (const one of eachOf(page)) all.push(one);
  return all;
};

/** `page` with the contract's token, which is absent on the last page. */
export const withToken = <T extends object>(
  page: T,
  { nextPageToken }: { nextPageToken: string },
): T & { nextPageToken?: string } => ({ ...page, ...(nextPageToken && { nextPageToken }) });
