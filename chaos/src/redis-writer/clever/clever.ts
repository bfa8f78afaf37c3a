import type { RedisCommand, Steps, WriterView } from '../mutation.ts';
import { readFields } from '../seen-values.ts';
import type { ThiefTools } from '../thief-tools.ts';

/** The names of consumers that a thief invents, and of the consumer that it is. */
export const EVIL = 'evil';
export const THIEF = 'thief';
/** A consumer of which no instance runs. */
export const ABSENT = 'absent';
/** The org that it may read. */
const THIEFS_ORG = 'org_demo_sub2';

export type Entry = Record<string, unknown> & { name?: string };
export type Clever = (view: WriterView, tools: ThiefTools) => Promise<RedisCommand[] | Steps | undefined>;

const parse = (text: string | undefined): Entry | undefined => {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return typeof value === 'object' && value !== null ? (value as Entry) : undefined;
  } catch {
    return undefined;
  }
};

/** What makes workers look at the consumers again, and seal records again. */
export const noticed = ({ prefix }: WriterView): RedisCommand[] => [
  ['HINCRBY', `${prefix}:ledger`, 'consumers', 1],
  ['HINCRBY', `${prefix}:ledger`, 'readers', 1],
];

/** The entries of consumers, and where they are. */
export const readEntries = async ({ redis, prefix, random }: WriterView) => {
  const key = `${prefix}:consumers`;
  const fields = await readFields(redis, key).catch(() => ({}) as Record<string, string>);
  const names = Object.keys(fields).toSorted();
  const other = names.filter((name) => name !== THIEF);
  return {
    key,
    own: parse(fields[THIEF]),
    victim: other.length === 0 ? undefined : parse(fields[random.pick(other)]),
  };
};

export const readEvent = async ({ redis, keys, random, prefix }: WriterView) => {
  const like = keys.pickLike(`${prefix}:current:ast_0`);
  const key = like?.startsWith(`${prefix}:current:`) ? like : undefined;
  if (key === undefined || (await redis.type(key)) !== 'string') return undefined;
  const event = parse((await redis.getrange(key, 0, 200_000)) ?? undefined);
  const orgs = (await redis.smembers(`${prefix}:orgs`).catch(() => [])).toSorted();
  if (!event || orgs.length === 0) return undefined;
  const assistantId = String(event['subject']);
  // Half of them go where the thief may read.
  const orgId = random.next() < 0.5 ? THIEFS_ORG : random.pick(orgs);
  return { key, event, assistantId, orgId, other: keys.pickLike(key) ?? key };
};
