import { z } from 'zod';

/**
 * A scripted fault. There are two families:
 *
 * **Outcomes** replace what happens to a request. Only the first outcome that matches a request applies.
 * "Done" means that a rotate takes effect.
 * - failBefore: not done; answers `status`
 * - failAfter: done, but answers `status`
 * - loseConnectionBefore: not done; the connection is cut
 * - loseResponseAfterCommit: done; the connection is cut
 * - hangBefore, hangAfterCommit: no answer until the caller disconnects; not done, or done
 * - truncateBody: done; the body ends in the middle
 * - commitLate: the connection is cut at once, and the request is done `delayMs` later
 * - garble: done; answers `status` (200) with `body` instead of the record or page
 * - nullKey: not done; answers the record with a null key
 * - staleRead: not done; answers the record with the previous key, like a replica that lags behind
 * - laggingRead: not done; answers the record with the key, deletion and time of update of `delayMs` ago,
 *   like a replica with that lag; the current record if it never changed
 * - staleAnswer (`rotate` only): answers 200 with the record from before this POST, or from `changesBack`
 *   changes before that; done, or with `takesEffect: false` not done
 *
 * By default they apply to `rotate`, and to one request. A `get` and a `list` change nothing, so that "done"
 * and "not done" are the same for them. On a `list`, nullKey, staleRead and laggingRead apply to every record
 * of the page; the page itself (its records, their order, the count) is current. An outcome with an
 * `assistantId` never applies to a `list`. For a wave of 404, script `failBefore` with `status: 404`, `times:
 * 0` and `forMs`; for an hour of 429, the same with `status: 429`, `on: "any"` and `retryAfter: "3600"` or
 * `retryAfterDateMs: 3600000`.
 *
 * **Views** change what is shown, never what is true. All views that match a request apply, in addition to an
 * outcome. By default they apply to every request.
 * - hideKey (`on` any): shows keys as `as`: absent, null, empty, stars (`sk_***`), tail (`sk_…` and the last
 *   four characters), constant (one plausible key for all assistants) or other (a plausible but wrong key for
 *   each assistant). A rotate takes effect and hides the new key
 * - cachedRead (`on` get): shows records as of `delayMs` ago, or with `frozen: true` as of the scripting of
 *   the view. `ageHeader: true` adds `Age`; with `bypassable: true` a request with `Cache-Control: no-cache`
 *   or `no-store` reads the truth
 * - skewDate (`on` any): shifts the `Date` header by `skewMs`, and the date of a `retryAfterDateMs` with it
 * - encode (`on` any): encodes the body as `encoding` (gzip), whatever the request accepts; `unknown` makes
 *   it unreadable
 * - inform (`on` any): sends `100 Continue` before the answer, with `status: 103` Early Hints, with `both:
 *   true` both
 * - ignoreOrg (`on` any): ignores the org in the path. A list shows the org of the API key, whatever org the
 *   path names
 * - swapOrg (`on` any): puts another org behind the org ids that the API key may use: `size` strangers (as
 *   many as the org has), of which our assistants replace the share `overlap`. Our other assistants answer
 *   404; strangers exist, and can be read and rotated
 * - capPages: limits pages to `size` (50), whatever `take` says; `pagination-take` says what was requested,
 *   or with `saysSize: true` the size
 * - repeatPage: every page is page `page` (1)
 * - endlessPages: pages never end: after the last page, earlier entries repeat, or with `strangers: true` new
 *   ids appear
 * - noCount: no `pagination-count` header
 * - lieCount: `pagination-count` is `count`, or the truth times `factor`; with `spread` it varies by up to
 *   that much with each request
 * - omit: does not list the share `share` of the assistants, with `anew: true` a different selection in each
 *   request; with `countsShown: true` the count excludes them too
 * - failPage: page `page` (1) answers `status` (500), with `below: true` every page from there on
 * - shufflePages: a different order in each request; with `each: "pass"` whenever page 1 is requested
 * - oddIds: adds records with `ids` (a default set of odd ones) at the start of the list; GET knows none of
 *   them
 * - duplicateIds: lists the first `size` (50) assistants twice, with `otherKey: true` with another key the
 *   second time
 * The kinds from capPages on apply to `list` only.
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
    /** Only requests for this assistant; a view of a list applies only to its record. */
    assistantId: z.string().optional(),
    /** Only requests for this org id, as in the path or as the one that `c` stands for. */
    orgId: z.string().optional(),
    /** Only a fixed share of the assistants, selected by their ids. */
    share: z.number().min(0).max(1).optional(),
    /** The number of requests that it applies to; 0 for all. */
    times: z.int().nonnegative().optional(),
    /** The share of matching requests that it applies to. */
    probability: z.number().min(0).max(1).default(1),
    /** The delay before it starts. */
    afterMs: z.int().nonnegative().default(0),
    /** Its duration. */
    forMs: z.int().positive().optional(),
    status: z.int().min(100).max(599).optional(),
    /** The Retry-After header, unchanged. */
    retryAfter: z.string().optional(),
    /** A Retry-After header with the time this far ahead, as an HTTP date. */
    retryAfterDateMs: z.int().optional(),
    /** The Location header that accompanies `status`. */
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

/** Whether a fault replaces what happens to a request; otherwise it is a view. */
export const isOutcome = ({ kind }: Fault): boolean => isOneOf(OUTCOMES, kind);
