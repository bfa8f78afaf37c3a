import { AssistantId, ConsumerName, OrgId } from '@rekey/schema';
import { z } from 'zod';
import { Duration, optionalText, pageSize } from '../requests/fields.ts';

export const ByAssistant = z.object({ assistantId: AssistantId });

/** The contract's names of the orders of a list. */
const ORDERS = {
  ID: 'id',
  OLDEST_KEY: 'oldest-key',
  NEWEST_KEY: 'newest-key',
  LAST_CHANGE: 'last-change',
} as const;

const Order = z
  .union(
    [
      z.literal('ORDER_UNSPECIFIED').transform(() => undefined),
      z.enum(['ID', 'OLDEST_KEY', 'NEWEST_KEY', 'LAST_CHANGE']).transform((name) => ORDERS[name]),
    ],
    { error: 'is not an order of this contract' },
  )
  .optional();

export const ListAssistants = z.object({
  orgId: optionalText(OrgId),
  // What is no id is the beginning of none, with one exception: a dot segment.
  idPrefix: optionalText(z.union([AssistantId, z.enum(['.', '..'])])),
  olderThan: Duration.nullish().transform((ms) => ms ?? undefined),
  uncertain: z.boolean().default(false),
  notAcknowledgedBy: optionalText(ConsumerName),
  order: Order,
  pageSize: pageSize(50, 500),
  pageToken: z.string(),
});

export const ListOrgs = z.object({ pageSize: pageSize(50, 500), pageToken: z.string() });
