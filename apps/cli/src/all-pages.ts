/** What a list holds in all, page after page. */
export const allPages = async <Page extends { nextPageToken: string }, T>(
  ask: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => T[],
): Promise<T[]> => {
  const all: T[] = [];
  for (let pageToken = ''; ;) {
    const page = await ask(pageToken);
    all.push(...itemsOf(page));
    if (page.nextPageToken === '') return all;
    pageToken = page.nextPageToken;
  }
};
