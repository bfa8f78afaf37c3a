import { hash } from 'node:crypto';
import { z } from 'zod';

/**
 * A scripted fault. Two families:
 *
 * **Outcomes** replace what happens to a request. The first outcome that matches a request hits it, and no
 * other does.
 * - failBefore: nothing is done; answers `status`
 * - failAfter: done, but answers `status`
 * - loseConnectionBefore: nothing is done; the connection is cut
 * - loseResponseAfterCommit: done; the connection is cut
 * - hangBefore, hangAfterCommit: no answer at all, until the caller goes; not done, or done
 * - truncateBody: done; the body stops in the middle
 * - commitLate: the connection is cut at once, and it is done `delayMs` later
 * - garble: done; answers `status` (200) with `body` in place of the record or the page
 * - nullKey: nothing is done; answers the record with a null key
 * - staleRead: nothing is done; answers the record with the key before, as a replica that lags behind
 * - laggingRead: nothing is done; answers the record with the key, the deletion and the time of update that
 *   it had `delayMs` ago, as a replica that lags by that much; one that was never changed as it is
 * - staleAnswer (`rotate` only): answers 200 with the record from before this POST, or from `changesBack`
 *   changes before that; done, or with `takesEffect: false` not done
 *
 * Without `on` they hit `rotate`, and without `times` one request. A `get` and a `list` change nothing, so
 * there "done" and "nothing is done" are the same. On a `list` nullKey, staleRead and laggingRead apply to
 * every record of the page, which itself (which records, their order, the count) is as of now; an outcome
 * with an `assistantId` never hits a `list`. A wave of 404 is `failBefore` with `status: 404`, `times: 0` and
 * `forMs`; an hour's 429 is the same with `status: 429`, `on: "any"` and `retryAfter: "3600"` or
 * `retryAfterDateMs: 3600000`.
 *
 * **Views** change what is shown, and never what is true. All views that match a request apply, together with
 * an outcome. Without `times` they hit every request.
 * - hideKey (`on` any): records whose key is `as`: absent, null, empty, stars (`sk_***`), tail (`sk_…` and
 *   its last four characters), constant (one plausible key for all assistants) or other (a plausible key for
 *   each assistant, which is not its own). A rotate takes effect and hides the new key
 * - cachedRead (`on` get): records as they were `delayMs` ago, or with `frozen: true` as they were when the
 *   view was scripted. `ageHeader: true` adds `Age`; with `bypassable: true` a request with `Cache-Control:
 *   no-cache` or `no-store` reads the truth
 * - skewDate (`on` any): the `Date` header is off by `skewMs`, and with it the date of a `retryAfterDateMs`
 * - encode (`on` any): the body is encoded as `encoding` says (gzip), whatever the request accepts; `unknown`
 *   makes it unreadable
 * - inform (`on` any): `100 Continue` comes before the answer, or with `status: 103` Early Hints, or both
 *   with `both: true`
 * - ignoreOrg (`on` any): the org in the path is ignored. A list shows the org of the API key, whatever org
 *   the path names
 * - swapOrg (`on` any): another org stands behind the org ids that our API key names: `size` strangers (as
 *   many as ours), of which the share `overlap` is ours. The others of ours answer 404; strangers are real,
 *   and can be read and rotated
 * - capPages: pages of `size` (50) at most, whatever `take` says; `pagination-take` says what was asked for,
 *   or with `saysSize: true` the size
 * - repeatPage: every page is page `page` (1)
 * - endlessPages: pages never end: after the last come those before again, or with `strangers: true` ids that
 *   were never listed
 * - noCount: without a `pagination-count` header
 * - lieCount: `pagination-count` is `count`, or the truth times `factor`; with `spread` it changes with each
 *   request by up to that many
 * - omit: the assistants of `share` are not listed, with `anew: true` others in each request; with
 *   `countsShown: true` not counted either
 * - failPage: page `page` (1) answers `status` (500), and with `below: true` every page from there
 * - shufflePages: another order in each request; with `each: "pass"` whenever page 1 is asked for
 * - oddIds: adds records with `ids` (a default set of odd ones) at the start of the list; GET knows none of
 *   them
 * - duplicateIds: the first `size` (50) assistants of the list are listed twice, with `otherKey: true` with
 *   another key the second time
 * The kinds from capPages on work on `list` only.
 */
const OUTCOMES = [
  'failBefore',
  'failAfter',
  'loseConnectionBefore',
  'loseResponseAfterCommit',
  'hangBefore',
  'hangAfterCommit',
  'truncateBody',
  'commitLate',
  'garble',
  'nullKey',
  'staleRead',
  'laggingRead',
  'staleAnswer',
] as const;
const RECORD_VIEWS = [
  'hideKey',
  'cachedRead',
  'skewDate',
  'encode',
  'inform',
  'ignoreOrg',
  'swapOrg',
] as const;
const PAGE_VIEWS = [
  'capPages',
  'repeatPage',
  'endlessPages',
  'noCount',
  'lieCount',
  'omit',
  'failPage',
  'shufflePages',
  'oddIds',
  'duplicateIds',
] as const;

export const ODD_IDS = [
  'line\nbreak',
  'carriage\r\nreturn',
  'tab\tstop',
  'nul\0byte',
  ' leading',
  'trailing ',
  'white space',
  ' ',
  '',
  'a/b',
  '../up',
  '%2e%2e',
  '?a=b#c',
  'x'.repeat(300),
  'ü'.repeat(150),
  'lone \ud800',
  '\udc00',
  '\u202eright to left',
  '__proto__',
  'constructor',
  'a,b',
  '{a}:b',
  '*',
  '-1',
  'c',
] as const;

const isOneOf = (kinds: readonly string[], kind: string): boolean => kinds.includes(kind);

const defaultOn = (kind: string): 'rotate' | 'get' | 'list' | 'any' => {
  if (isOneOf(OUTCOMES, kind)) return 'rotate';
  if (isOneOf(PAGE_VIEWS, kind)) return 'list';
  return kind === 'cachedRead' ? 'get' : 'any';
};

export const Fault = z
  .strictObject({
    kind: z.enum([...OUTCOMES, ...RECORD_VIEWS, ...PAGE_VIEWS]),
    on: z.enum(['rotate', 'get', 'list', 'any']).optional(),
    /** Only requests for this assistant; of a list that a view hits, only its record. */
    assistantId: z.string().optional(),
    /** Only requests under this org id, either as the path names it or as the one that `c` stands for. */
    orgId: z.string().optional(),
    /** Only a fixed share of the assistants, chosen by their ids. */
    share: z.number().min(0).max(1).optional(),
    /** How many requests it hits; 0 for every one. */
    times: z.int().nonnegative().optional(),
    /** The share of matching requests that it hits. */
    probability: z.number().min(0).max(1).default(1),
    /** It begins this long after it is scripted. */
    afterMs: z.int().nonnegative().default(0),
    /** It ends this long after it began. */
    forMs: z.int().positive().optional(),
    status: z.int().min(100).max(599).optional(),
    /** A Retry-After header to send along, as it is. */
    retryAfter: z.string().optional(),
    /** A Retry-After header that names the time this far ahead, as an HTTP date. */
    retryAfterDateMs: z.int().optional(),
    /** A Location header to send along with `status`. */
    location: z.string().optional(),
    encoding: z.enum(['gzip', 'br', 'deflate', 'zstd', 'gzip, br', 'unknown']).default('gzip'),
    both: z.boolean().default(false),
    /** For commitLate, laggingRead and cachedRead. */
    delayMs: z.int().nonnegative().default(1000),
    body: z.string().default('{"id":'),
    takesEffect: z.boolean().default(true),
    changesBack: z.int().nonnegative().default(0),
    as: z.enum(['absent', 'null', 'empty', 'stars', 'tail', 'constant', 'other']).default('absent'),
    frozen: z.boolean().default(false),
    ageHeader: z.boolean().default(false),
    bypassable: z.boolean().default(false),
    skewMs: z.int().default(0),
    size: z.int().positive().max(1_000_000).optional(),
    overlap: z.number().min(0).max(1).default(0),
    saysSize: z.boolean().default(false),
    page: z.int().positive().default(1),
    below: z.boolean().default(false),
    strangers: z.boolean().default(false),
    count: z.string().optional(),
    factor: z.number().nonnegative().default(1),
    spread: z.int().nonnegative().default(0),
    anew: z.boolean().default(false),
    countsShown: z.boolean().default(false),
    each: z.enum(['request', 'pass']).default('request'),
    ids: z.array(z.string()).max(10_000).optional(),
    otherKey: z.boolean().default(false),
  })
  .transform((fault) => ({
    ...fault,
    on: fault.on ?? defaultOn(fault.kind),
    times: fault.times ?? (isOneOf(OUTCOMES, fault.kind) ? 1 : 0),
  }))
  .refine(({ kind, on }) => !isOneOf(PAGE_VIEWS, kind) || on === 'list', {
    message: 'this kind works on a list only',
    path: ['on'],
  })
  .refine(({ kind, status = 200 }) => kind === 'inform' || status >= 200, {
    message: 'must be at least 200',
    path: ['status'],
  })
  .refine(({ kind, on }) => kind !== 'staleAnswer' || on === 'rotate', {
    message: 'this kind works on rotate only',
    path: ['on'],
  });
export type Fault = z.infer<typeof Fault>;

/** What a request asks for, as far as a fault can choose by it. */
export interface Asked {
  on: 'rotate' | 'get' | 'list';
  assistantId?: string | undefined;
  /** The org of the path, and the one that it stands for. */
  orgIds?: readonly string[];
}

/** A view that hits a request. */
export interface View {
  readonly fault: Fault;
  /** When it was scripted: Unix time in ms. */
  readonly sinceMs: number;
  /** Changes with each request that it hits. */
  readonly hits: number;
}

export interface ActiveFault {
  id: number;
  fault: Fault;
  /** How many more requests it hits; null for every one. */
  left: number | null;
  /** When it begins and ends: Unix time in ms, null where it does not end by itself. */
  from_ms: number;
  until_ms: number | null;
}

export interface Faults {
  /** Returns an id that `remove` takes. */
  add(fault: Fault): number;
  remove(id: number): boolean;
  clear(): void;
  active(): ActiveFault[];
  /** The first outcome that hits this request, used up by it. */
  next(on: Asked['on'], assistantId: string | undefined, orgIds?: readonly string[]): Fault | undefined;
  /** All views that hit this request, in the order in which they were scripted; used up by it. */
  views(asked: Asked): View[];
}

interface Scripted {
  id: number;
  fault: Fault;
  left: number;
  hits: number;
  fromMs: number;
  untilMs: number;
}

const nowMs = (): number => performance.timeOrigin + performance.now();

/**
 * Whether an assistant is of a fixed share, chosen by its id. The same for each fault with the same share.
 */
export const isOfShare = (assistantId: string, share: number, salt = ''): boolean =>
  hash('sha256', `${salt} ${assistantId}`, 'buffer').readUInt32BE(0) / 2 ** 32 < share;

/** Whether a fault that hits a request concerns this assistant. */
export const concerns = ({ assistantId, share }: Fault, id: string): boolean =>
  (assistantId === undefined || assistantId === id) && (share === undefined || isOfShare(id, share));

/** `random` decides on the `probability` of faults: numbers in [0, 1). */
export const createFaults = (random: () => number = Math.random): Faults => {
  let outcomes: Scripted[] = [];
  let views: Scripted[] = [];
  let added = 0;

  const isOn = ({ fault, fromMs, untilMs }: Scripted, { on, orgIds = [] }: Asked): boolean => {
    if (
      (fault.on !== on && fault.on !== 'any') ||
      (fault.orgId !== undefined && !orgIds.includes(fault.orgId))
    )
      return false;
    // A fault without a time of its own needs no clock.
    if (fault.afterMs === 0 && fault.forMs === undefined) return true;
    const now = nowMs();
    return now >= fromMs && now < untilMs;
  };
  const dropEnded = (): void => {
    const now = nowMs();
    outcomes = outcomes.filter(({ untilMs }) => untilMs > now);
    views = views.filter(({ untilMs }) => untilMs > now);
  };
  const use = (one: Scripted): void => {
    one.hits += 1;
    one.left -= 1;
    if (one.left > 0) return;
    outcomes = outcomes.filter((other) => other !== one);
    views = views.filter((other) => other !== one);
  };

  return {
    add: (fault) => {
      dropEnded();
      const fromMs = nowMs() + fault.afterMs;
      const untilMs = fromMs + (fault.forMs ?? Number.POSITIVE_INFINITY);
      const left = fault.times === 0 ? Number.POSITIVE_INFINITY : fault.times;
      added += 1;
      (isOneOf(OUTCOMES, fault.kind) ? outcomes : views).push({
        id: added,
        fault,
        left,
        hits: 0,
        fromMs,
        untilMs,
      });
      return added;
    },
    remove: (id) => {
      const before = outcomes.length + views.length;
      outcomes = outcomes.filter((one) => one.id !== id);
      views = views.filter((one) => one.id !== id);
      return outcomes.length + views.length < before;
    },
    clear: () => {
      outcomes = [];
      views = [];
    },
    active: () => {
      dropEnded();
      return [...outcomes, ...views]
        .toSorted((a, b) => a.id - b.id)
        .map(({ id, fault, left, fromMs, untilMs }) => ({
          id,
          fault,
          left: Number.isFinite(left) ? left : null,
          from_ms: fromMs,
          until_ms: Number.isFinite(untilMs) ? untilMs : null,
        }));
    },
    next: (on, assistantId, orgIds) => {
      if (outcomes.length === 0) return undefined;
      const asked = { on, assistantId, ...(orgIds && { orgIds }) };
      const hit = outcomes.find(
        (one) =>
          isOn(one, asked) &&
          (one.fault.assistantId === undefined || one.fault.assistantId === assistantId) &&
          (one.fault.share === undefined ||
            (assistantId !== undefined && isOfShare(assistantId, one.fault.share))) &&
          random() < one.fault.probability,
      );
      if (hit) use(hit);
      return hit?.fault;
    },
    views: (asked) => {
      if (views.length === 0) return [];
      const { assistantId } = asked;
      const hit = views.filter(
        (one) =>
          isOn(one, asked) &&
          (assistantId === undefined || concerns(one.fault, assistantId)) &&
          random() < one.fault.probability,
      );
      for (const one of hit) use(one);
      return hit.map(({ fault, fromMs, hits }) => ({ fault, sinceMs: fromMs, hits }));
    },
  };
};
