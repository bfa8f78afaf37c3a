/** Invent lists assistants a page at a time. */
const PAGE = 100;

/** The number of requests that listing takes. */
export const pagesOf = (assistants: number): number => Math.ceil(assistants / PAGE);

/**
 * Whether listing all of an org, as far as it is known, takes no more requests than reading a number of
 * assistants one by one.
 */
export const listCostsLess = (assistants: number, known: number): boolean => assistants > 1 + known / PAGE;

/**
 * The number of requests that comparing assistants takes, if listing would return `listed` of them.
 * bulk-draw.lua computes the same.
 */
export const verifyRequests = (
  assistants: number,
  known: number,
  listed = Math.max(known, assistants),
): number => (listCostsLess(assistants, Math.max(known, assistants)) ? pagesOf(listed) : assistants);
