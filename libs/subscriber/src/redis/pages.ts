import { MAX_REPLY_BYTES, ReplyTooLarge } from '@rekey/schema';
import type { Names } from './names.ts';
import { TOO_LONG, empty, inPages, type Page } from '../source/source.ts';
import { createReadSize } from './read-size.ts';
import { isErrorReply, replyCode, replyOf } from './replies.ts';
import type { RedisSession as Session } from './session.ts';
import type { TooLong } from './too-long.ts';

/** Reads stored events page by page. What is longer than any that Rekey writes is TOO_LONG in the pages. */
export interface Pages {
  /**
   * The current records of the first of these assistants: as many as one reply may have, and those that are
   * too long. A page with all could take all memory.
   */
  current(from: Session, assistantIds: readonly string[]): Promise<Page>;
  /** The current records of all assistants of these orgs; `*` stands for all orgs. */
  published(from: Session, orgIds: readonly string[]): AsyncGenerator<Page>;
  /** The events of the assistants that are uncertain now. */
  uncertain(from: Session): AsyncGenerator<Page>;
}

const PAGE_SIZE = 50;
/** Pages that are requested together, with the next ids: one write for all these commands. */
const PAGES_AT_ONCE = 2;
const IDS_AT_ONCE = PAGES_AT_ONCE * PAGE_SIZE;
/** With the one that is being opened. */
const PAGES_IN_FLIGHT = 4;
/** Orgs can be many and small: the first page of this number of orgs is requested ahead. */
const ORGS_AHEAD = 16;
const ORGS_AT_ONCE = 1000;

/** Longer ids are not from Rekey. A key with one would be as long. */
const MAX_ID_LENGTH = 256;
const isId = (id: string): boolean => id.length <= MAX_ID_LENGTH;

/** What a reply has besides its one value. */
const AROUND_BYTES = 1024;
const LONGEST_RECORD_BYTES = MAX_REPLY_BYTES - AROUND_BYTES;
/** Records that are read together, if their lengths are known. */
const TOGETHER_BYTES = MAX_REPLY_BYTES / 2;

/** Stands for all records in what is too long. While it does, lengths are read before records. */
const RECORDS = 'records';

interface PagesDeps {
  names: Names;
  tooLong: TooLong;
}

export const createPages = (deps: PagesDeps): Pages => {
  const current = createCurrent(deps);
  return {
    current,
    published: (from, orgIds) => publishedPages(deps, from, orgIds, current),
    uncertain: (from) => uncertainPages(deps, from),
  };
};

const createCurrent = ({ names, tooLong }: PagesDeps): Pages['current'] => {
  const size = createReadSize(PAGE_SIZE);
  const mget = async (from: Session, keys: string[]): Promise<(string | null)[]> => {
    try {
      return await from.commands.mget(keys);
    } catch (error) {
      if (error instanceof ReplyTooLarge) {
        tooLong.note(RECORDS);
        if (keys.length === 1) tooLong.note(keys[0]!);
      }
      throw error;
    }
  };
  return async (from, assistantIds) => {
    const keys = assistantIds.map(names.current);
    const fits = tooLong.has(RECORDS) ? await measure(from, keys) : undefined;
    const page: Page = [];
    while (page.length < keys.length) {
      const at = page.length;
      const most = fits?.(at) ?? PAGE_SIZE;
      if (most === 0 || tooLong.has(keys[at]!)) {
        tooLong.note(RECORDS);
        page.push({ assistantId: assistantIds[at]!, text: TOO_LONG });
        continue;
      }
      const request = (count: number) => from.answer(mget(from, keys.slice(at, at + Math.min(count, most))));
      const { answer: texts } = await size.read(request, (answer) => ({
        count: answer.length,
        chars: charsOf(answer),
      }));
      for (const text of texts) page.push({ assistantId: assistantIds[page.length]!, text: text ?? null });
      empty(texts);
      break;
    }
    return page;
  };
};

/**
 * Resolves with how many records from an index on fit into one reply. 0: that one alone does not. Each is
 * read alone if this user of Redis may not read lengths.
 */
const measure = async (from: Session, keys: readonly string[]): Promise<(at: number) => number> => {
  const lengths = await from.answer(Promise.all(keys.map((key) => replyOf(from.commands.strlen(key)))));
  return (at) => {
    const first = lengths[at];
    if (isErrorReply(first)) return 1;
    if (first! > LONGEST_RECORD_BYTES) return 0;
    let bytes = 0;
    const end = lengths.findIndex((length, i) => {
      if (i < at) return false;
      bytes += isErrorReply(length) ? Infinity : length;
      return i > at && bytes > TOGETHER_BYTES;
    });
    return (end < 0 ? lengths.length : end) - at;
  };
};

async function* orgsOf(from: Session, names: Names, orgIds: readonly string[]): AsyncGenerator<string> {
  if (!orgIds.includes('*')) return yield* orgIds;
  for (let cursor: string | undefined = '0'; cursor !== undefined;) {
    const reply: [string, string[]] | Error = await from.answer(
      replyOf(from.commands.sscan(names.orgs, cursor, 'COUNT', ORGS_AT_ONCE)),
    );
    // The Redis user of an earlier Rekey may not run SSCAN.
    if (isErrorReply(reply) && replyCode(reply) === 'NOPERM')
      return yield* await from.answer(from.commands.smembers(names.orgs));
    if (isErrorReply(reply)) throw reply;
    const [next, found]: [string, string[]] = reply;
    yield* found.filter(isId);
    cursor = next === '0' ? undefined : next;
  }
}

type Scanned = Promise<[cursor: string, elements: string[]]>;

/** Requests the first page of a number of orgs ahead. It is undefined if the list of the org is too long. */
const createFirsts = (orgIds: AsyncGenerator<string>, scan: (orgId: string) => Scanned | undefined) => {
  const firsts: { orgId: string; first: Scanned | undefined }[] = [];
  let isEnd = false;
  return async () => {
    while (!isEnd && firsts.length < ORGS_AHEAD) {
      const { value: orgId, done } = (await orgIds.next()) as IteratorResult<string, undefined>;
      if (done) isEnd = true;
      else firsts.push({ orgId, first: scan(orgId) });
    }
    return firsts.shift();
  };
};

async function* publishedPages(
  { names, tooLong }: PagesDeps,
  from: Session,
  orgIds: readonly string[],
  current: Pages['current'],
): AsyncGenerator<Page> {
  const scan = (orgId: string, cursor: string): Scanned => {
    const key = names.assistants(orgId);
    const reply = tooLong.watch(key, from.commands.zscan(key, cursor, 'COUNT', IDS_AT_ONCE));
    return prefetched(from.answer(reply));
  };
  const nextOrg = createFirsts(orgsOf(from, names, orgIds), (orgId) =>
    tooLong.has(names.assistants(orgId)) ? undefined : scan(orgId, '0'),
  );
  type Requested = { ids: string[]; first: Promise<Page> };
  const ahead: Requested[] = [];
  const requestSome = (pages: string[][]): number => {
    const some = pages.splice(0, tooLong.has(RECORDS) ? 1 : PAGES_AT_ONCE);
    for (const ids of some) ahead.push({ ids, first: prefetched(current(from, ids)) });
    return some.length;
  };
  /** The parts of a page of ids, of which the first is on its way. */
  async function* partsOf({ ids, first }: Requested): AsyncGenerator<Page> {
    for (let left = ids, part = first; ; part = current(from, left)) {
      const page = await part;
      left = left.slice(page.length);
      yield page;
      if (left.length === 0) return;
    }
  }
  /** Leaves as many pages in flight as may be, if that many are requested each time. */
  async function* whatIsDue(requested: number): AsyncGenerator<Page> {
    const mostAhead = () => (tooLong.has(RECORDS) ? 0 : PAGES_IN_FLIGHT - requested);
    while (ahead.length > mostAhead()) yield* partsOf(ahead.shift()!);
  }
  for (let org = await nextOrg(); org; org = await nextOrg()) {
    const { orgId, first } = org;
    if (!first) yield listTooLong();
    for (let page = first; page;) {
      const [cursor, members] = await page;
      const ids = members.filter((id, at) => at % 2 === 0 && isId(id));
      const pages = [...inPages(ids)];
      const [next, requested] = inOneWrite(from, () => [
        cursor === '0' ? undefined : scan(orgId, cursor),
        requestSome(pages),
      ]);
      page = next;
      yield* whatIsDue(requested);
      // A short list comes whole, and what is short is a setting of Redis.
      while (pages.length > 0) yield* whatIsDue(requestSome(pages));
    }
  }
  for (const page of ahead) yield* partsOf(page);
}

/** Each write to a socket takes up to 0.5 ms, whatever its length. */
const inOneWrite = <T>({ commands: { stream } }: Session, send: () => T): T => {
  stream.cork();
  try {
    return send();
  } finally {
    stream.uncork();
  }
};

async function* uncertainPages({ names, tooLong }: PagesDeps, from: Session): AsyncGenerator<Page> {
  if (tooLong.has(names.uncertain)) return yield listTooLong();
  for (let cursor: string | undefined = '0'; cursor !== undefined;) {
    const reply: Scanned = from.commands.hscan(names.uncertain, cursor, 'COUNT', PAGE_SIZE);
    const [next, fields]: [string, string[]] = await from.answer(tooLong.watch(names.uncertain, reply));
    const page: Page = [];
    for (let at = 0; at < fields.length; at += 2)
      if (isId(fields[at]!)) page.push({ assistantId: fields[at]!, text: fields[at + 1]! });
    yield page;
    cursor = next === '0' ? undefined : next;
  }
}

/** In place of a list whose assistants cannot be known. */
const listTooLong = (): Page => [{ assistantId: '', text: TOO_LONG }];

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
