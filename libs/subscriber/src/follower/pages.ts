import type { Names } from '../redis/names.ts';
import type { ReadSize } from '../redis/read-size.ts';
import type { Session } from '../redis/session.ts';

/** Some assistants, and what Redis has of each. */
export type Page = { assistantId: string; text: string | null }[];

export const PAGE_SIZE = 50;
/** So many pages are on their way while one is being opened. */
const PAGES_AHEAD = 3;
/** Orgs may be many and small: the first answers of so many are asked for at once. */
const ORGS_AHEAD = 16;

/** The current records of orgs, never more than a few pages at a time. */
export async function* publishedPages(
  session: Session,
  names: Names,
  orgIds: readonly string[],
  size: ReadSize,
): AsyncGenerator<Page> {
  const scan = (orgId: string, cursor: string) =>
    noted(session.answer(session.commands.zscan(names.assistants(orgId), cursor, 'COUNT', PAGE_SIZE)));
  const firsts = orgIds.slice(0, ORGS_AHEAD).map((orgId) => scan(orgId, '0'));
  const ahead: Promise<Page>[] = [];
  for (const [i, orgId] of orgIds.entries()) {
    if (i + ORGS_AHEAD < orgIds.length) firsts.push(scan(orgIds[i + ORGS_AHEAD]!, '0'));
    let [cursor, members] = await firsts.shift()!;
    for (;;) {
      const ids = members.filter((_, at) => at % 2 === 0);
      const next = cursor === '0' ? undefined : scan(orgId, cursor);
      if (ids.length > 0) ahead.push(noted(currentRecords(session, names, ids, size)));
      while (ahead.length > PAGES_AHEAD) yield await ahead.shift()!;
      if (!next) break;
      [cursor, members] = await next;
    }
  }
  for (const page of ahead) yield await page;
}

/** The events of the assistants that are in doubt now. */
export async function* uncertainPages(session: Session, names: Names): AsyncGenerator<Page> {
  for (let cursor: string | undefined = '0'; cursor !== undefined;) {
    const [next, fields]: [string, string[]] = await session.answer(
      session.commands.hscan(names.uncertain, cursor, 'COUNT', PAGE_SIZE),
    );
    const page: Page = [];
    for (let at = 0; at < fields.length; at += 2)
      page.push({ assistantId: fields[at]!, text: fields[at + 1]! });
    yield page;
    cursor = next === '0' ? undefined : next;
  }
}

/** The current records of assistants. */
export const currentRecords = async (
  session: Session,
  names: Names,
  assistantIds: readonly string[],
  size: ReadSize,
): Promise<Page> => {
  const page: Page = [];
  while (page.length < assistantIds.length) {
    const ask = (count: number) =>
      session.answer(
        session.commands.mget(assistantIds.slice(page.length, page.length + count).map(names.current)),
      );
    const { answer: texts } = await size.read(ask, (answer) => ({
      count: answer.length,
      chars: charsOf(answer),
    }));
    for (const text of texts) page.push({ assistantId: assistantIds[page.length]!, text: text ?? null });
    empty(texts);
  }
  return page;
};

const charsOf = (texts: readonly (string | null)[]): number =>
  texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);

/**
 * Empties a reply that is done with. What ioredis 6 answers to reads that follow one another is reachable,
 * each from the one before, until the old generation is collected: with all the texts in it, the young
 * generation's collections take 60 ms in place of 2 (Node 24).
 */
export const empty = (reply: unknown[]): void => {
  reply.length = 0;
};

export function* inPages<T>(list: readonly T[]): Generator<T[]> {
  for (let at = 0; at < list.length; at += PAGE_SIZE) yield list.slice(at, at + PAGE_SIZE);
}

/**
 * What is asked for ahead and never awaited, because something before it failed, must not end the process.
 */
const noted = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(() => {});
  return promise;
};
