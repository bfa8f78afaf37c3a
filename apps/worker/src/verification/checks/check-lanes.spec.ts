import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ledgerKeys, openLedger, type Ledger } from '@rekey/ledger';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { silentLogger } from '@rekey/runtime';
import { checkAssistant, type CheckOptions, type CheckResult } from './check-assistant.ts';
import { startDueChecks } from './due-checks.ts';

const keys = ledgerKeys('spec');

let redis: Redis;
let ledger: Ledger;
useRedis((url) => (redis = new Redis(url)));
beforeAll(() => {
  ledger = openLedger(redis, { prefix: 'spec' });
});

/**
 * Makes a check that was requested in the first lane. Returns the lanes of its requests, and the number of
 * checks then queued in each lane.
 */
const checkedOnce = async (
  result: CheckResult,
): Promise<{ lanes: CheckOptions['lane'][]; first: number; slow: number }> => {
  const lanes: CheckOptions['lane'][] = [];
  await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId: 'ast_1' }, 0);
  const check = async (_target: unknown, { lane }: CheckOptions): Promise<CheckResult> => {
    lanes.push(lane);
    return result;
  };
  const stopping = new AbortController().signal;
  const checks = startDueChecks({ ledger, check, logger: silentLogger, takeoverAfterMs: 60_000, stopping });
  while (lanes.length === 0) await sleep(20);
  await checks.close();
  return { lanes, first: await redis.zcard(keys.checks), slow: await redis.zcard(keys.slowChecks) };
};

describe('a due check', () => {
  it.each<[string, CheckResult]>([
    ['cannot be read', { kind: 'unreadable', code: 'UPSTREAM_UNREACHABLE' }],
    ['is refused', { kind: 'unreadable', code: 'UPSTREAM_FORBIDDEN' }],
    ['is shown in an earlier state by a cache', { kind: 'doubted', retryInMs: 1, cached: true }],
    ['is shown with an older key', { kind: 'stale', retryInMs: 1 }],
  ])('moves to the share of sweeps if the assistant %s', async (_, result) => {
    expect(await checkedOnce(result)).toEqual({ lanes: ['first'], first: 0, slow: 1 });
  });

  it.each<[string, CheckResult]>([
    ['no request may leave yet', { kind: 'unreadable', code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 1000 }],
    ['a read may lag behind the last publication', { kind: 'doubted', retryInMs: 1000 }],
    ['a rotation holds the assistant', { kind: 'held', retryInMs: 1000 }],
  ])('keeps its place if %s', async (_, result) => {
    expect(await checkedOnce(result)).toEqual({ lanes: ['first'], first: 1, slow: 0 });
  });

  it('ends if the published key is in force', async () => {
    expect(await checkedOnce({ kind: 'agreed' })).toEqual({ lanes: ['first'], first: 0, slow: 0 });
  });
});

describe('a check of an assistant that a rotation holds', () => {
  it('reads nothing, and returns its slot: it may be the one that probes a closed budget', async () => {
    const did: string[] = [];
    const check = checkAssistant({
      ledger: { assistants: { beginCheck: async () => ({ kind: 'held', retryInMs: 1000 }) } },
      invent: { getAssistant: async () => did.push('read') },
      pacer: { take: async () => (did.push('slot'), 0), unused: async () => void did.push('returned') },
      clock: { nowMs: () => 0, sleep: async () => {} },
    } as unknown as Parameters<typeof checkAssistant>[0]);
    expect(await check({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({ kind: 'held' });
    expect(did).toEqual(['slot', 'returned']);
  });
});
