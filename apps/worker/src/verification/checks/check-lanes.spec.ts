import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLedger, ledgerKeys, type Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import type { CheckOptions, CheckResult } from './check-assistant.ts';
import { startDueChecks } from './due-checks.ts';

const silent = () => {};
const quiet = { info: silent, warn: silent, error: silent, debug: silent } as unknown as Logger;
const keys = ledgerKeys('spec');

let server: RedisServer;
let redis: Redis;
let ledger: Ledger;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  ledger = createLedger({ redis, prefix: 'spec' });
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
});

/**
 * Makes a check that was asked for in the first lane, and says which requests it took and where it is
 * afterwards.
 */
const checkedOnce = async (
  result: CheckResult,
): Promise<{ lanes: CheckOptions['lane'][]; first: number; slow: number }> => {
  const lanes: CheckOptions['lane'][] = [];
  await ledger.requestCheck({ orgId: 'org_1', assistantId: 'ast_1' }, 0);
  const check = async (_target: unknown, { lane }: CheckOptions): Promise<CheckResult> => {
    lanes.push(lane);
    return result;
  };
  const checks = startDueChecks({ ledger, check, logger: quiet, takeoverAfterMs: 60_000 });
  while (lanes.length === 0) await sleep(20);
  await checks.close();
  return { lanes, first: await redis.zcard(keys.checks), slow: await redis.zcard(keys.slowChecks) };
};

describe('a check that is due', () => {
  it.each<[string, CheckResult]>([
    ['cannot be read', { kind: 'unreadable', code: 'UPSTREAM_UNREACHABLE' }],
    ['is refused', { kind: 'unreadable', code: 'UPSTREAM_FORBIDDEN' }],
    ['is shown by a cache as it was before', { kind: 'doubted', retryInMs: 1, cached: true }],
    ['is shown with an older key', { kind: 'stale', retryInMs: 1 }],
  ])('takes from the share of sweeps from then on, where the assistant %s', async (_, result) => {
    expect(await checkedOnce(result)).toEqual({ lanes: ['first'], first: 0, slow: 1 });
  });

  it.each<[string, CheckResult]>([
    ['no request may leave yet', { kind: 'unreadable', code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 1000 }],
    ['a read may lag behind what was just published', { kind: 'doubted', retryInMs: 1000 }],
    ['a rotation holds the assistant', { kind: 'held', retryInMs: 1000 }],
  ])('keeps its place, where %s', async (_, result) => {
    expect(await checkedOnce(result)).toEqual({ lanes: ['first'], first: 1, slow: 0 });
  });

  it('is over where what is published is in force', async () => {
    expect(await checkedOnce({ kind: 'agreed' })).toEqual({ lanes: ['first'], first: 0, slow: 0 });
  });
});
