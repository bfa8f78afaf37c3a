import type { Names } from './names.ts';
import { empty, type Page } from '../source.ts';
import { createReadSize } from './read-size.ts';
import type { RedisSession as Session } from './session.ts';

/** Reads stored events page by page. */
export interface Pages {
  /** The current records of assistants. */
  current(from: Session, assistantIds: readonly string[]): Promise<Page>;
  /** The current records of all assistants of these orgs. */
  published(from: Session, orgIds: readonly string[]): AsyncGenerator<Page>;
  /** The events of the assistants that are uncertain now. */
  uncertain(from: Session): AsyncGenerator<Page>;
}

const PAGE_SIZE = 50;
/** The number of pages in flight while one is being opened. */
const PAGES_AHEAD = 3;
/** Orgs can be many and small: the first page of this number of orgs is requested ahead. */
const ORGS_AHEAD = 16;

export const createPages = (names: Names): Pages => {
  const size = createReadSize(PAGE_SIZE);
  const current: Pages['current'] = async (from, assistantIds) => {
    const page: Page = [];
    while (page.length < assistantIds.length) {
      const request = (count: number) =>
        from.answer(
          from.commands.mget(assistantIds.slice(page.length, page.length + count).map(names.current)),
        );
      const { answer: texts } = await size.read(request, (answer) => ({
        count: answer.length,
        chars: charsOf(answer),
      }));
      for (const text of texts) page.push({ assistantId: assistantIds[page.length]!, text: text ?? null });
      empty(texts);
    }
    return page;
  };
  return {
    current,
    published: (from, orgIds) => publishedPages(from, names, orgIds, current),
    uncertain: (from) => uncertainPages(from, names),
  };
};

async function* publishedPages(
  from: Session,
  names: Names,
  orgIds: readonly string[],
  current: Pages['current'],
): AsyncGenerator<Page> {
  const scan = (orgId: string, cursor: string) =>
    prefetched(from.answer(from.commands.zscan(names.assistants(orgId), cursor, 'COUNT', PAGE_SIZE)));
  const firsts = orgIds.slice(0, ORGS_AHEAD).map((orgId) => scan(orgId, '0'));
  const ahead: Promise<Page>[] = [];
  for (const [i, orgId] of orgIds.entries()) {
    if (i + ORGS_AHEAD < orgIds.length) firsts.push(scan(orgIds[i + ORGS_AHEAD]!, '0'));
    let [cursor, members] = await firsts.shift()!;
    for (;;) {
      const ids = members.filter((_, at) => at % 2 === 0);
      const next = cursor === '0' ? undefined : scan(orgId, cursor);
      if (ids.length > 0) ahead.push(prefetched(current(from, ids)));
      while (ahead.length > PAGES_AHEAD) yield await ahead.shift()!;
      if (!next) break;
      [cursor, members] = await next;
    }
  }
  for (const page of ahead) yield await page;
}

async function* uncertainPages(from: Session, names: Names): AsyncGenerator<Page> {
  for (let cursor: string | undefined = '0'; cursor !== undefined;) {
    const [next, fields]: [string, string[]] = await from.answer(
      from.commands.hscan(names.uncertain, cursor, 'COUNT', PAGE_SIZE),
    );
    const page: Page = [];
    for (let at = 0; at < fields.length; at += 2)
      page.push({ assistantId: fields[at]!, text: fields[at + 1]! });
    yield page;
    cursor = next === '0' ? undefined : next;
  }
}

const charsOf = (texts: readonly (string | null)[]): number =>
  texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);

/**
 * A promise that may never be awaited, because something before it failed. Its rejection must not end the
 * process.
 */
const prefetched = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(() => {});
  return promise;
};
