import type { Ledger, OrgCounts } from '@rekey/ledger';
import { ORG_ALIAS } from '@rekey/schema';
import { z } from 'zod';
import type { ReadOrgName } from '../pipeline/org-names.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';

/** Stands for the filter of this list, which has none: its page tokens are refused by other lists. */
const ALL = { list: 'orgs' };

/** The last org of a page, encoded: ids of earlier versions may contain spaces. */
const Place = z
  .string()
  .regex(/^(?:[^%\s]|%[0-9A-F]{2})*$/)
  .transform((text, context) => {
    try {
      return decodeURIComponent(text);
    } catch {
      context.addIssue('is no place');
      return z.NEVER;
    }
  });

const sum = (one: OrgCounts, other: OrgCounts): OrgCounts => {
  const oldest = [one.oldestKeyMs, other.oldestKeyMs].filter((ms) => ms !== undefined);
  return {
    orgId: one.orgId,
    assistants: one.assistants + other.assistants,
    uncertain: one.uncertain + other.uncertain,
    unknownAge: one.unknownAge + other.unknownAge,
    ...(oldest.length > 0 && { oldestKeyMs: Math.min(...oldest) }),
  };
};

const MAX_ID_BYTES = 256;
/** Another client can have added what is no id. */
const isId = (orgId: string): boolean =>
  Buffer.byteLength(orgId) <= MAX_ID_BYTES && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(orgId);

/** A page of the orgs that the caller may see. What is still stored under `c` counts for its org. */
export const listOrgs = async (
  { ledger: { listing }, readOrgName }: { ledger: Pick<Ledger, 'listing'>; readOrgName: ReadOrgName },
  { pageSize, pageToken }: { pageSize: number; pageToken: string },
  sees: (orgId: string) => boolean,
) => {
  const after = readPageToken(pageToken, ALL, Place);
  const [all, isComplete] = await Promise.all([listing.orgIds(), listing.index.isComplete()]);
  const stored = all.filter(isId);
  const real = stored.includes(ORG_ALIAS) ? await readOrgName() : ORG_ALIAS;
  const names = new Set(stored.filter(sees).map((orgId) => (orgId === ORG_ALIAS ? real : orgId)));
  const rest = [...names].toSorted().filter((name) => after === undefined || name > after);
  const page = rest.slice(0, pageSize);
  const isMerged = real !== ORG_ALIAS && page.includes(real);
  const counts = await listing.orgCounts(isMerged ? [...page, ORG_ALIAS] : page);
  const ofAlias = isMerged ? counts.pop() : undefined;
  const last = rest.length > page.length ? page.at(-1) : undefined;
  return {
    orgs: counts.map((one) => (ofAlias && one.orgId === real ? sum(one, ofAlias) : one)),
    nextPageToken: makePageToken(last === undefined ? undefined : encodeURIComponent(last), ALL),
    incomplete:
      all.some((orgId) => !isId(orgId) && sees(orgId)) ||
      (!isComplete && names.size > 0) ||
      [...counts, ofAlias].some((one) => one?.isDamaged === true),
  };
};
