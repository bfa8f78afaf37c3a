import { ODD_IDS } from '../faults/fault.ts';
import { isOfShare, type View } from '../faults/faults.ts';
import { findView } from './find-view.ts';

const PAGE_SIZE = 50;

interface PageAsked {
  page: number;
  take: number;
}

interface PageShown {
  /** `otherKey`: the record shows a key that is not in force. */
  records: { id: string; otherKey: boolean }[];
  headers: Record<string, number | string>;
}

/** Counts the passes over a list: each request for the first page starts one. */
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

/** The status with which a page fails; undefined if it does not. */
export const failureOf = (views: readonly View[], { page }: PageAsked): number | undefined => {
  const failing = views.find(
    ({ fault }) => fault.kind === 'failPage' && (fault.below ? page >= fault.page : page === fault.page),
  );
  return failing && (failing.fault.status ?? 500);
};

/**
 * The ids and headers of a page. The order in which views apply is fixed, so that it does not matter in which
 * order they were scripted: first what is listed, then in which order, then in which pages.
 */
export const showPage = (
  views: readonly View[],
  found: readonly string[],
  { page, take }: PageAsked,
  pass: number,
): PageShown => {
  const listed = shuffle(views, withDuplicates(views, withOddIds(views, omit(views, found))), pass);
  const cap = findView(views, 'capPages')?.fault;
  const size = cap ? Math.min(take, cap.size ?? PAGE_SIZE) : take;
  const shownPage = findView(views, 'repeatPage')?.fault.page ?? page;
  const omitting = findView(views, 'omit')?.fault;
  return {
    records: pageOf(views, listed, shownPage, size),
    headers: {
      ...(!findView(views, 'noCount') && {
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
  const twice = findView(views, 'duplicateIds')?.fault;
  if (!twice) return listed;
  return listed.flatMap((one, at) =>
    at < (twice.size ?? PAGE_SIZE) ? [one, { ...one, otherKey: twice.otherKey }] : [one],
  );
};

const shuffle = (views: readonly View[], listed: Listed, pass: number): Listed => {
  const view = findView(views, 'shufflePages');
  if (!view) return listed;
  const salt = view.fault.each === 'pass' ? pass : view.hits;
  return listed
    .map((one, at) => ({ one, at: Math.imul((at + 1) ^ Math.imul(salt + 1, 0x9e3779b1), 0x85ebca6b) >>> 0 }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
};

const pageOf = (views: readonly View[], listed: Listed, page: number, size: number): Listed => {
  const endless = findView(views, 'endlessPages')?.fault;
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
  const lie = findView(views, 'lieCount');
  if (!lie) return truth;
  const { count, factor, spread } = lie.fault;
  if (count !== undefined) return count;
  return Math.max(Math.round(truth * factor) + (spread > 0 ? (lie.hits % (2 * spread + 1)) - spread : 0), 0);
};
