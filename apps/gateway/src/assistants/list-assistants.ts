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

/** The stored names of the orgs that are listed: what was published under `c` is of its org. */
const orgsOf = async (
  { ledger, readOrgName }: ListDeps,
  orgId: string | undefined,
  sees: (orgId: string) => boolean,
): Promise<string[]> => {
  if (orgId !== undefined) {
    if (!sees(orgId)) return [];
    return orgId !== ORG_ALIAS && (await readOrgName()) === orgId ? [orgId, ORG_ALIAS] : [orgId];
  }
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

/** A page of the assistants that the caller may see. */
export const listAssistants = async (
  deps: ListDeps,
  request: z.output<typeof ListAssistants>,
  { sees, actor }: Pick<RpcContext, 'sees' | 'actor'>,
) => {
  const { listing } = deps.ledger;
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
  const unacknowledged =
    notAcknowledgedBy === undefined
      ? undefined
      : await unacknowledgedBy({ ...deps, registry: deps.ledger.registry }, notAcknowledgedBy, sees);
  const orgIds = await orgsOf(deps, orgId, sees);
  const [isComplete, nowMs] = await Promise.all([
    listing.index.isComplete(),
    olderThan === undefined ? 0 : deps.ledger.system.nowMs(),
  ]);
  const query: AssistantQuery = {
    orgIds: unacknowledged ? orgIds.filter(unacknowledged.mayRead) : orgIds,
    order,
    idPrefix,
    keyBeforeMs: olderThan === undefined ? undefined : Math.ceil(nowMs - olderThan),
    uncertain,
    changedFromMs: unacknowledged?.fromMs,
    matches: unacknowledged?.matches,
  };
  const { assistants, next, damaged = false } = await listing.list(query, { size: pageSize, after });
  return {
    assistants,
    nextPageToken: makePageToken(next && textOfPlace(next), filter),
    incomplete: damaged || (!isComplete && orgIds.length > 0),
  };
};
