import { ORG_ALIAS } from '@rekey/schema';

/**
 * The org id that an event was published under, from its text: a sweep reads it from each event, and parsing
 * them would take most of its time.
 */
export const publishedOrgOf = (event: string | null): string | undefined => {
  const encoded =
    event === null ? undefined : /"source":"\/orgs\/([^/"\\]{1,1024})\/assistants\//.exec(event)?.[1];
  try {
    return encoded === undefined ? undefined : decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
};

/** Whether two names are certainly of two orgs: `c` may be any org until it is known. */
export const isAnotherOrg = (published: string, orgId: string): boolean =>
  published !== orgId && published !== ORG_ALIAS && orgId !== ORG_ALIAS;
