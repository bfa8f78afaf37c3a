import type { AssistantOrder, AssistantQuery, ConsumerPositions, Ledger } from '@rekey/ledger';
import { ORG_ALIAS, RekeyError } from '@rekey/schema';
import { z } from 'zod';
import type { ReadOrgName } from '../pipeline/org-names.ts';
import type { RpcContext } from '../pipeline/rpc.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';
import { given } from '../requests/parse-request.ts';
import type { ListAssistants } from './assistant-requests.ts';
import { unacknowledgedBy } from './unacknowledged.ts';

export interface ListDeps {
  ledger: Pick<Ledger, 'listing' | 'system' | 'registry'>;
  positions: Pick<ConsumerPositions, 'reach' | 'slowest'>;
  positionsRead: Promise<void>;
  readOrgName: ReadOrgName;
}

/** The indexes of more orgs are not merged for one page. */
const MAX_ORGS = 1000;

/** Where a page ended: the score and the id of its last assistant, whose bytes are percent-encoded. */
const Place = z
  .string()
  .regex(/^-?\d[\d.e+-]{0,30}\/(?:[!-$&-~]|%[0-9A-Fa-f]{2}){0,1000}$/)
  .transform((text, context) => {
    const at = text.indexOf('/');
    const [score, id] = [Number(text.slice(0, at)), text.slice(at + 1)];
    if (Number.isFinite(score)) {
      const byteOf = (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16));
      return { score, id: id.replaceAll(/%(..)/g, byteOf) };
    }
    context.addIssue('is no place');
    return z.NEVER;
  });

const textOfPlace = ({ score, id }: z.output<typeof Place>): string => {
  const encoded = (byte: string) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `${score}/${id.replaceAll(/[^\w-]/g, encoded)}`;
};

/** The stored names of all orgs that the caller sees. */
const orgsSeen = async ({ ledger }: ListDeps, sees: (orgId: string) => boolean): Promise<string[]> => {
  const seen = (await ledger.listing.orgIds()).filter(sees);
  if (seen.length <= MAX_ORGS) return seen;
  throw new RekeyError('INVALID_ARGUMENT', {
    fieldViolations: [
      { field: 'org_id', description: `is required: you may see more than ${MAX_ORGS} orgs` },
    ],
  });
};

const orderOf = ({
  order,
  notAcknowledgedBy,
  olderThan,
}: z.output<typeof ListAssistants>): AssistantOrder => {
  if (order !== undefined) return order;
  if (notAcknowledgedBy !== undefined) return 'last-change';
  return olderThan === undefined ? 'id' : 'oldest-key';
};

/**
 * Reads a page of the orgs that a request lists. What was published under `c` is of the org that it stands
 * for: which one that is has to be known only while there is such an assistant.
 */
const readOrgs = async <T>(
  deps: ListDeps,
  orgId: string | undefined,
  sees: (orgId: string) => boolean,
  read: (orgIds: string[]) => Promise<T>,
): Promise<T> => {
  if (orgId === undefined) return read(await orgsSeen(deps, sees));
  if (!sees(orgId)) return read([]);
  if (orgId === ORG_ALIAS) return read([orgId]);
  // Asked first: an assistant of `c` that moves after the page is read is known by then.
  const [isAliasEmpty, page] = await Promise.all([deps.ledger.listing.isEmpty(ORG_ALIAS), read([orgId])]);
  return isAliasEmpty || (await deps.readOrgName()) !== orgId ? page : read([orgId, ORG_ALIAS]);
};

/** A page of the assistants that the caller may see. */
export const listAssistants = async (
  deps: ListDeps,
  request: z.output<typeof ListAssistants>,
  { sees, actor }: Pick<RpcContext, 'sees' | 'actor'>,
) => {
  const { listing, system, registry } = deps.ledger;
  const { pageSize, pageToken, orgId, idPrefix, olderThan, uncertain, notAcknowledgedBy } = request;
  const order = orderOf(request);
  const filter = {
    list: 'assistants',
    by: actor.by,
    ...given({ orgId, idPrefix, olderThan, notAcknowledgedBy }),
    uncertain,
    order,
  };
  const after = readPageToken(pageToken, filter, Place);
  const [unacknowledged, keyBeforeMs] = await Promise.all([
    notAcknowledgedBy && unacknowledgedBy({ ...deps, registry }, notAcknowledgedBy, sees),
    olderThan === undefined ? undefined : system.nowMs().then((nowMs) => Math.ceil(nowMs - olderThan)),
  ]);
  const query: Omit<AssistantQuery, 'orgIds'> = {
    order,
    idPrefix,
    keyBeforeMs,
    uncertain,
    ...(unacknowledged && { changedFromMs: unacknowledged.fromMs, matches: unacknowledged.matches }),
  };
  const { assistants, next, damaged, isComplete } = await readOrgs(deps, orgId, sees, async (seen) => {
    const orgIds = unacknowledged ? seen.filter(unacknowledged.mayRead) : seen;
    // Asked first: a pass may end while the page is read, which lacks what the pass has added since.
    const [whole, page] = await Promise.all([
      listing.index.isComplete(),
      listing.list({ ...query, orgIds }, { size: pageSize, after }),
    ]);
    return { ...page, isComplete: whole || seen.length === 0 };
  });
  return {
    assistants,
    nextPageToken: makePageToken(next && textOfPlace(next), filter),
    incomplete: damaged === true || !isComplete,
  };
};
