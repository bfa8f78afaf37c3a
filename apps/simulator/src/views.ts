import { concerns, isOfShare, ODD_IDS, type View } from './faults.ts';
import { renderRecord } from './record.ts';
import { preciseNowMs, type World } from './world.ts';

/**
 * What the views that hit a request make of its answer (see faults.ts). The order in which they apply is
 * fixed, so that it does not matter in which order they were scripted: first what a record was, then how its
 * key is hidden; first what is listed, then in which order, then in which pages.
 */

const PAGE_SIZE = 50;

export type Shown = Record<string, unknown>;

const of = (views: readonly View[], kind: View['fault']['kind']): View | undefined =>
  views.find(({ fault }) => fault.kind === kind);

/** The record as the views show it. */
export const showRecord = (
  world: World,
  views: readonly View[],
  id: string,
  record: Shown,
  asksAnew: boolean,
): Shown => {
  const seen = views
    .filter(({ fault }) => concerns(fault, id))
    .reduce((shown, view) => applyCache(world, view, id, shown, asksAnew), record);
  return views
    .filter(({ fault }) => fault.kind === 'hideKey' && concerns(fault, id))
    .reduce((shown, view) => hideKey(world, view, id, shown), seen);
};

const applyCache = (
  world: World,
  { fault, sinceMs }: View,
  id: string,
  record: Shown,
  asksAnew: boolean,
): Shown => {
  if (fault.kind !== 'cachedRead' || (fault.bypassable && asksAnew)) return record;
  const then = world.asOf(id, fault.frozen ? sinceMs : preciseNowMs() - fault.delayMs);
  return then
    ? { ...record, secret_key: then.secretKey, deleted: then.deleted, updated_at: then.updatedAt }
    : record;
};

const hideKey = (world: World, { fault }: View, id: string, record: Shown): Shown => {
  const { secret_key: key, ...without } = record;
  switch (fault.as) {
    case 'absent':
      return without;
    case 'null':
      return { ...record, secret_key: null };
    case 'empty':
      return { ...record, secret_key: '' };
    case 'stars':
      return { ...record, secret_key: 'sk_***' };
    case 'tail':
      return { ...record, secret_key: typeof key === 'string' ? `sk_…${key.slice(-4)}` : key };
    case 'constant':
      return { ...record, secret_key: world.decoyKey('of all') };
    case 'other':
      return { ...record, secret_key: world.decoyKey(`of ${id}`) };
  }
};

/** Headers that the views lay over those of any answer. */
export const headersOf = (views: readonly View[], asksAnew: boolean): Record<string, string> => {
  const headers: Record<string, string> = {};
  if (of(views, 'skewDate')) headers['date'] = new Date(skewedNowMs(views)).toUTCString();
  const encoded = of(views, 'encode');
  if (encoded) headers['content-encoding'] = encoded.fault.encoding;
  const cached = of(views, 'cachedRead');
  if (cached?.fault.ageHeader && !(cached.fault.bypassable && asksAnew)) {
    const ageMs = cached.fault.frozen ? preciseNowMs() - cached.sinceMs : cached.fault.delayMs;
    headers['age'] = String(Math.ceil(ageMs / 1000));
  }
  return headers;
};

/** Which informational answers come before the answer. */
export const informationalOf = (views: readonly View[]): number[] => {
  const fault = of(views, 'inform')?.fault;
  if (!fault) return [];
  return fault.both ? [103, 100] : [fault.status ?? 100];
};

/** The time that the server believes it is. */
export const skewedNowMs = (views: readonly View[]): number =>
  Date.now() + (of(views, 'skewDate')?.fault.skewMs ?? 0);

export interface PageAsked {
  page: number;
  take: number;
}

export interface PageShown {
  /** Each with whether its key is to be another one than it has. */
  records: { id: string; otherKey: boolean }[];
  headers: Record<string, number | string>;
}

/** Counts the passes over a list: a new one begins whenever the first page is asked for. */
export interface Passes {
  next(orgId: string, page: number): number;
}

export const createPasses = (): Passes => {
  const passes = new Map<string, number>();
  return {
    next: (orgId, page) => {
      const pass = (passes.get(orgId) ?? 0) + (page === 1 ? 1 : 0);
      passes.set(orgId, pass);
      return pass;
    },
  };
};

/** The status that a page fails with; undefined where it does not. */
export const failureOf = (views: readonly View[], { page }: PageAsked): number | undefined => {
  const failing = views.find(
    ({ fault }) => fault.kind === 'failPage' && (fault.below ? page >= fault.page : page === fault.page),
  );
  return failing && (failing.fault.status ?? 500);
};

/** Which ids a page shows, and what its headers say. */
export const showPage = (
  views: readonly View[],
  found: readonly string[],
  { page, take }: PageAsked,
  pass: number,
): PageShown => {
  const listed = shuffle(views, withDuplicates(views, withOddIds(views, omit(views, found))), pass);
  const cap = of(views, 'capPages')?.fault;
  const size = cap ? Math.min(take, cap.size ?? PAGE_SIZE) : take;
  const shownPage = of(views, 'repeatPage')?.fault.page ?? page;
  const omitting = of(views, 'omit')?.fault;
  return {
    records: pageOf(views, listed, shownPage, size),
    headers: {
      ...(!of(views, 'noCount') && {
        'pagination-count': countOf(views, omitting?.countsShown ? listed.length : found.length),
      }),
      'pagination-page': page,
      'pagination-take': cap?.saysSize ? size : take,
    },
  };
};

type Listed = PageShown['records'];

const omit = (views: readonly View[], found: readonly string[]): string[] =>
  views
    .filter(({ fault }) => fault.kind === 'omit')
    .reduce<string[]>(
      (left, { fault, hits }) =>
        left.filter((id) => !isOfShare(id, fault.share ?? 0, fault.anew ? String(hits) : '')),
      [...found],
    );

const withOddIds = (views: readonly View[], ids: readonly string[]): Listed =>
  [
    ...views
      .filter(({ fault }) => fault.kind === 'oddIds')
      .flatMap(({ fault }) => [...(fault.ids ?? ODD_IDS)]),
    ...ids,
  ].map((id) => ({ id, otherKey: false }));

const withDuplicates = (views: readonly View[], listed: Listed): Listed => {
  const twice = of(views, 'duplicateIds')?.fault;
  if (!twice) return listed;
  return listed.flatMap((one, at) =>
    at < (twice.size ?? PAGE_SIZE) ? [one, { ...one, otherKey: twice.otherKey }] : [one],
  );
};

const shuffle = (views: readonly View[], listed: Listed, pass: number): Listed => {
  const view = of(views, 'shufflePages');
  if (!view) return listed;
  const salt = view.fault.each === 'pass' ? pass : view.hits;
  return listed
    .map((one, at) => ({ one, at: Math.imul((at + 1) ^ Math.imul(salt + 1, 0x9e3779b1), 0x85ebca6b) >>> 0 }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
};

const pageOf = (views: readonly View[], listed: Listed, page: number, size: number): Listed => {
  const endless = of(views, 'endlessPages')?.fault;
  const from = (page - 1) * size;
  if (!endless) return listed.slice(from, from + size);
  return Array.from({ length: size }, (_, i) => {
    const at = from + i;
    if (at < listed.length) return listed[at]!;
    return endless.strangers || listed.length === 0
      ? { id: `endless_${at + 1}`, otherKey: false }
      : listed[at % listed.length]!;
  });
};

const countOf = (views: readonly View[], truth: number): number | string => {
  const lie = of(views, 'lieCount');
  if (!lie) return truth;
  const { count, factor, spread } = lie.fault;
  if (count !== undefined) return count;
  return Math.max(Math.round(truth * factor) + (spread > 0 ? (lie.hits % (2 * spread + 1)) - spread : 0), 0);
};

/** The record of an id, also of one that only the list knows. */
export const recordOf = (world: World, id: string, otherKey: boolean): Shown => {
  const state = world.find(id);
  if (state)
    return { ...renderRecord(id, state), ...(otherKey && { secret_key: world.decoyKey(`second of ${id}`) }) };
  const secretKey = world.decoyKey(`listed ${id}`);
  const unknown = {
    orgId: '',
    secretKey,
    previousKey: secretKey,
    rotations: 0,
    updatedAt: '2026-01-05T08:00:00.000Z',
    deleted: false,
  };
  return renderRecord(id, unknown);
};
