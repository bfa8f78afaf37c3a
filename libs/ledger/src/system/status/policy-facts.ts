import type { Connection } from '../../connection.ts';
import { nextOpening } from '../../policies/openings.ts';
import { parsePolicy } from '../../policies/policy-hash.ts';
import { POLICY_OVERDUE_MS, POLICY_SCHEDULED_WITHIN_MS, type SystemFacts } from '../attention/facts.ts';
import { LOOKED_AT, SHOWN, fieldsOf, readableReplies } from './replies.ts';

const attempt = <T>(compute: () => T): T | undefined => {
  try {
    return compute();
  } catch {
    return undefined;
  }
};

/** Policies that are not paused, and have no next window. */
export const readUnscheduled = async (
  { redis, keys }: Connection,
  nowMs: number,
): Promise<SystemFacts['unscheduledPolicies']> => {
  const ids = await redis.zrange(keys.policies, '0', String(LOOKED_AT - 1));
  const hashes = (await readableReplies(
    ids.reduce((pipeline, id) => pipeline.hgetall(keys.policy(id)), redis.pipeline()),
  )) as (Record<string, string> | null)[];
  const dues = ids.length === 0 ? [] : await redis.zmscore(`${keys.bull}:policies:repeat`, ...ids);
  const scheduled = new Set(ids.filter((_, i) => dues[i] !== null));
  const computable = new Map<string, boolean>();
  return ids.flatMap((id, i): SystemFacts['unscheduledPolicies'] => {
    const hash = hashes[i];
    // Deleted since its id was read.
    if (hash && Object.keys(hash).length === 0) return [];
    const policy = hash ? attempt(() => parsePolicy(id, hash)) : undefined;
    if (!policy) return [{ id, why: 'unreadable' }];
    if (policy.paused) return [];
    const { window } = policy;
    const schedule = JSON.stringify([window.cron, window.timeZone]);
    const isComputable = computable.get(schedule) ?? attempt(() => nextOpening(window, nowMs)) !== undefined;
    computable.set(schedule, isComputable);
    if (!isComputable) return [{ id, why: 'calendar' }];
    return scheduled.has(id) || nowMs - policy.updatedMs < POLICY_SCHEDULED_WITHIN_MS
      ? []
      : [{ id, why: 'missing' }];
  });
};

/** Policies with a window that no worker has begun. */
export const readOverdue = async (
  { redis, keys }: Connection,
  nowMs: number,
): Promise<SystemFacts['overduePolicies']> => {
  const scheduled = await redis.zrangebyscore(
    `${keys.bull}:policies:repeat`,
    0,
    nowMs - POLICY_OVERDUE_MS,
    'WITHSCORES',
    'LIMIT',
    0,
    SHOWN,
  );
  const due = scheduled.flatMap((id, i) => (i % 2 === 0 ? [{ id, dueMs: Number(scheduled[i + 1]) }] : []));
  const policies = await fieldsOf(
    redis,
    due.map(({ id }) => keys.policy(id)),
    'org',
    'paused',
  );
  return due.filter((_, i) => typeof policies[i]?.[0] === 'string' && policies[i]?.[1] !== '1');
};
