import type { ActivityEntry } from '@rekey/ledger';
import { ORG_ALIAS, OrgId } from '@rekey/schema';
import { z } from 'zod';
import { Timestamp, optionalText, pageSize } from '../requests/fields.ts';

/** The id of an entry of a Redis stream. */
export const Position = z
  .string()
  .refine(
    (text) => /^\d{1,20}-\d{1,20}$/.test(text) && text.split('-').every((half) => BigInt(half) < 2n ** 64n),
    'must be a position, such as 1700000000000-0',
  );

const MAX_FILTER_CHARACTERS = 2048;
const MAX_TYPES = 50;

const Text = z.string().max(MAX_FILTER_CHARACTERS, `must be at most ${MAX_FILTER_CHARACTERS} characters`);
const Type = z
  .string()
  .max(64, 'must be at most 64 characters')
  .regex(
    /^[a-z][a-z_]*(?:\.[a-z][a-z_]*)*(?:\.\*)?$/,
    'must be a type, such as rotation.failed or rotation.*',
  );

const filters = {
  orgId: optionalText(OrgId),
  principal: optionalText(Text),
  target: optionalText(Text),
  types: z.array(Type).max(MAX_TYPES),
};

const ActivityFilter = z.object(filters);
type ActivityFilter = z.output<typeof ActivityFilter>;

export const ListActivity = z
  .object({
    ...filters,
    startTime: Timestamp.nullish(),
    endTime: Timestamp.nullish(),
    oldestFirst: z.boolean(),
    pageSize: pageSize(50, 500),
    pageToken: z.string(),
  })
  .refine(({ startTime, endTime }) => startTime == null || endTime == null || startTime < endTime, {
    path: ['endTime'],
    error: 'must be after start_time',
  });

export const WatchActivity = z.object({ ...filters, after: optionalText(Position) });

/** A principal as records name it: a URI may stand without its prefix. */
const namesOf = (principal: string): ReadonlySet<string> =>
  new Set(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(principal) ? [principal, `uri:${principal}`] : [principal]);

const isOfType =
  (types: readonly string[]) =>
  (type: string): boolean =>
    types.length === 0 ||
    types.some((one) => (one.endsWith('.*') ? type.startsWith(one.slice(0, -1)) : type === one));

/**
 * Whether a record passes a filter. What was recorded under `c` is of `realOrg`, the org that it stands for.
 */
export const createFilter = (
  { orgId, principal, target, types }: ActivityFilter,
  realOrg: string,
): ((entry: ActivityEntry) => boolean) => {
  const names = principal === undefined ? undefined : namesOf(principal);
  const fitsType = isOfType(types);
  return ({ record }) => {
    const org = record.org === ORG_ALIAS ? realOrg : record.org;
    return (
      fitsType(record.type) &&
      (orgId === undefined || org === orgId) &&
      (target === undefined || record.target === target || record.assistant === target) &&
      (names === undefined ||
        names.has(record.by) ||
        (record.also?.split(' ').some((name) => names.has(name)) ?? false))
    );
  };
};
