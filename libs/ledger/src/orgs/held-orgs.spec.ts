import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import {
  events,
  everything,
  ledger,
  looked,
  openSpecLedger,
  readKey,
  redis,
  removed,
} from '../ledger-fixture.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
  openSpecLedger(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
const KNOWN = 12;
/** A quarter. */
const LIMIT = 3;
beforeEach(async () => {
  await redis.flushall();
  for (let i = 0; i < KNOWN; i += 1) {
    const hold = await looked({ assistantId: `ast_${i}` });
    await ledger.assistants.commit(hold, readKey(`f${i}`, hold, { cause: 'import' }));
  }
  await ledger.orgs.endSweep('org_1');
});

const remove = async (i: number): Promise<string> => {
  const hold = await looked({ assistantId: `ast_${i}` });
  return (await ledger.assistants.commit(hold, removed('deleted', hold, { witnessedMs: 0 }))).kind;
};
const removeAll = async (from: number, to: number): Promise<string[]> => {
  const kinds: string[] = [];
  for (let i = from; i < to; i += 1) kinds.push(await remove(i));
  return kinds;
};
const many = (count: number, kind: string): string[] => Array.from({ length: count }, () => kind);
const removals = async (): Promise<number> =>
  (await events()).filter(({ type }) => type.includes('removed')).length;

describe('an org of which too many assistants are found gone', () => {
  it('is held: no more than the limit is published', async () => {
    expect(await removeAll(0, 6)).toEqual([...many(LIMIT, 'committed'), ...many(3, 'withheld')]);
    expect(await ledger.orgs.held()).toEqual([
      {
        orgId: 'org_1',
        sinceMs: expect.any(Number),
        code: 'TOO_MANY_GONE',
        affected: LIMIT + 1,
        known: KNOWN,
      },
    ]);
    expect(await removals()).toBe(LIMIT);
  });

  it('has no limit once an operator has accepted that, until a sweep has done it', async () => {
    await removeAll(0, 6);
    expect(await ledger.orgs.acceptHeld('org_1')).toBe(true);
    expect(await removeAll(3, 6)).toEqual(many(3, 'committed'));
    // A sweep of everything, or one that has left something open, does not end the acceptance.
    await ledger.orgs.endSweep('org_1');
    expect(await ledger.orgs.limits('org_1')).toMatchObject({ accepted: true });
    await ledger.orgs.endSweep('org_1', { settled: true });
    expect(await ledger.orgs.limits('org_1')).toEqual({
      known: KNOWN - 6,
      limit: LIMIT,
      changed: 0,
      accepted: false,
    });
    expect(await removeAll(6, KNOWN)).toEqual([
      ...many(LIMIT, 'committed'),
      ...many(KNOWN - 6 - LIMIT, 'withheld'),
    ]);
  });

  it('is not held again for one more change after what was accepted, or refuted', async () => {
    await removeAll(0, 6);
    await ledger.orgs.endSweep('org_1');
    expect(await remove(6)).toBe('committed');
    expect(await ledger.orgs.held()).toEqual([]);
  });

  it('is accepted also if that is repeated, and not for another org', async () => {
    await removeAll(0, 6);
    const before = await everything();
    expect(await ledger.orgs.acceptHeld('org_2')).toBe(false);
    expect(await everything()).toEqual(before);
    expect([await ledger.orgs.acceptHeld('org_1'), await ledger.orgs.acceptHeld('org_1')]).toEqual([
      true,
      true,
    ]);
    await ledger.orgs.endSweep('org_1', { settled: true });
    expect(await ledger.orgs.acceptHeld('org_1')).toBe(false);
  });

  it('is not held again by a sweep from before the acceptance, unless keys are not shown', async () => {
    const hold = (code: 'TOO_MANY_GONE' | 'KEYS_NOT_SHOWN') =>
      ledger.orgs.hold('org_1', { code, affected: 6, known: KNOWN });
    expect([await hold('TOO_MANY_GONE'), await hold('TOO_MANY_GONE')]).toEqual([true, false]);
    await ledger.orgs.acceptHeld('org_1');
    expect(await hold('TOO_MANY_GONE')).toBe(false);
    expect(await ledger.orgs.held()).toEqual([]);
    expect(await hold('KEYS_NOT_SHOWN')).toBe(true);
    expect(await ledger.orgs.held()).toMatchObject([{ code: 'KEYS_NOT_SHOWN' }]);
  });
});
