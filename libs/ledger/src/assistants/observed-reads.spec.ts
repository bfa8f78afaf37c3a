import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  SEALED,
  accept,
  claimed,
  connectSimulated,
  events,
  key,
  ledger,
  looked,
  lose,
  openSpecLedger,
  printOf,
  readKey,
  redis,
  removed,
  rotate,
  setNow,
  useLedger,
} from '../ledger-fixture.ts';
import type { CommitResult, KeyVersion } from './key-version.ts';

/** Reads that contradict what is published: when they are believed, and when the org is held instead. */
const START_MS = 1_800_000_000_000;
const LAG_MS = 1000;
const CONFIRM_MS = 30_000;
const ORG = 'org_1';

let nowMs: number;
const { url } = useLedger({
  connect: connectSimulated,
  confirmAfterMs: CONFIRM_MS,
  maxChangedPercent: 25,
});
beforeEach(() => at(START_MS));

const at = async (ms: number): Promise<void> => {
  nowMs = ms;
  await setNow(1000 * ms);
};
const pass = (ms: number): Promise<void> => at(nowMs + ms);
const names = (count: number) => Array.from({ length: count }, (_, i) => `ast_${i}`);
const published = async (assistantId = 'ast_1') =>
  (await redis.hget(`{spec}:assistant:${assistantId}`, 'fingerprint'))!;
const known = async (): Promise<void> => void (await ledger.orgs.endSweep(ORG));
const held = async () =>
  (await ledger.orgs.held()).map(({ orgId, code, affected, known: of }) => ({
    orgId,
    code,
    affected,
    known: of,
  }));

/** A check reads an assistant, and commits what it has read. */
const read = async (
  version: (hold: Awaited<ReturnType<typeof looked>>) => KeyVersion,
  assistantId = 'ast_1',
  ageMs = 0,
): Promise<CommitResult> => {
  const hold = await looked({ assistantId });
  const keyVersion = { ...version(hold), read: { beganMs: hold.atMs - ageMs, lagMs: LAG_MS } };
  const result = await ledger.assistants.commit(hold, keyVersion);
  // Another assistant was read with its key.
  return result.kind === 'unwitnessed'
    ? ledger.assistants.commit(hold, { ...keyVersion, witnessedMs: 0 })
    : result;
};
const readsKey = (name: string, assistantId = 'ast_1', more: Partial<KeyVersion> = {}, ageMs = 0) =>
  read((hold) => readKey(name, hold, { cause: 'drift', ...more }), assistantId, ageMs);
const readsNone = (removal: 'deleted' | 'no-key', assistantId = 'ast_1') =>
  read((hold) => removed(removal, hold), assistantId);
const agrees = async (name: string, assistantId = 'ast_1') =>
  (
    await ledger.assistants.compare({ beganMs: nowMs, lagMs: LAG_MS }, [
      { assistantId, state: printOf(name) },
    ])
  )[0];
const imported = async (count: number): Promise<string[]> => {
  const ids = names(count);
  for (const id of ids) await readsKey(`k${id}`, id, { cause: 'import' });
  await pass(60_000);
  return ids;
};
/** The cause of each event of an assistant; `key-uncertain` has none. */
const causesOf = async (assistantId = 'ast_1') =>
  (await events())
    .filter(({ subject }) => subject === assistantId)
    .map(({ data }) => ('cause' in data ? data.cause : undefined));
/** A removal that two reads agree on. */
const confirmed = async (removal: 'deleted' | 'no-key', assistantId: string): Promise<CommitResult> => {
  await readsNone(removal, assistantId);
  await pass(CONFIRM_MS);
  return readsNone(removal, assistantId);
};

describe('the absence of a key', () => {
  beforeEach(async () => {
    await rotate('f1');
    await pass(60_000);
  });

  it.each(['deleted', 'no-key'] as const)(
    'is published only once two reads agree, far enough apart: %s',
    async (removal) => {
      expect(await readsNone(removal)).toEqual({ kind: 'unconfirmed', retryInMs: CONFIRM_MS });
      await pass(CONFIRM_MS - 1);
      expect(await readsNone(removal)).toEqual({ kind: 'unconfirmed', retryInMs: LAG_MS + 1 });
      expect(await causesOf()).toHaveLength(1);
      await pass(LAG_MS + 1);
      expect(await readsNone(removal)).toMatchObject({ kind: 'committed' });
      expect(await published()).toBe(removal);
    },
  );

  it('is not published after one late read, however long after the last commit', async () => {
    await pass(24 * 3_600_000);
    expect(await readsNone('deleted')).toMatchObject({ kind: 'unconfirmed' });
    expect(await published()).toBe(printOf('f1'));
  });

  it('is not confirmed by the same response from a cache', async () => {
    await readsNone('deleted');
    await pass(CONFIRM_MS);
    expect(await read((hold) => removed('deleted', hold), 'ast_1', CONFIRM_MS)).toMatchObject({
      kind: 'unconfirmed',
    });
  });

  it('starts over if a read in between shows the key, or anything else', async () => {
    await readsNone('deleted');
    await pass(CONFIRM_MS);
    expect(await agrees('f1')).toBe('agrees');
    expect(await readsNone('deleted')).toEqual({ kind: 'unconfirmed', retryInMs: CONFIRM_MS });
    await pass(CONFIRM_MS);
    expect(await readsNone('no-key')).toEqual({ kind: 'unconfirmed', retryInMs: CONFIRM_MS });
    await pass(CONFIRM_MS);
    expect(await readsNone('deleted')).toEqual({ kind: 'unconfirmed', retryInMs: CONFIRM_MS });
    expect(await published()).toBe(printOf('f1'));
  });

  it('starts over after a rotation', async () => {
    await readsNone('deleted');
    await rotate('f2');
    await pass(CONFIRM_MS + 2 * LAG_MS);
    expect(await readsNone('deleted')).toMatchObject({ kind: 'unconfirmed', retryInMs: CONFIRM_MS });
  });

  it('starts over if the clock was turned back since the first read', async () => {
    await readsNone('deleted');
    await at(START_MS - 3_600_000);
    expect(await readsNone('deleted')).toMatchObject({ kind: 'unconfirmed', retryInMs: CONFIRM_MS });
  });

  it('is published at once for an import, because no consumer has a key', async () => {
    const hold = await looked({ assistantId: 'ast_new' });
    expect(await ledger.assistants.commit(hold, removed('no-key', hold, { cause: 'import' }))).toMatchObject({
      kind: 'committed',
    });
  });
});

describe('a superseded key', () => {
  const stale = () => redis.hgetall('{spec}:stale');
  beforeEach(async () => {
    await rotate('f1');
    await pass(60_000);
    await rotate('f2');
    await pass(60_000);
  });

  it('is believed after three reads, each later than the lag, and is sealed again for that', async () => {
    expect(await readsKey('f1')).toEqual({
      kind: 'stale',
      publishedVersion: expect.any(Number),
      retryInMs: LAG_MS + 1,
    });
    expect(JSON.parse((await stale())['ast_1']!)).toEqual({ since: nowMs, org: ORG });
    await pass(LAG_MS + 1);
    expect(await readsKey('f1')).toMatchObject({ kind: 'stale' });
    await pass(LAG_MS + 1);
    expect(await readsKey('f1')).toEqual({ kind: 'confirmed' });
    expect(await published()).toBe(printOf('f2'));
    expect(await readsKey('f1', 'ast_1', { cause: 'rollback' })).toMatchObject({ kind: 'committed' });
    expect(await published()).toBe(printOf('f1'));
    expect(await causesOf()).toEqual(['rotation', 'rotation', 'rollback']);
    expect(await stale()).toEqual({});
    expect(await redis.zrange('{spec}:rollbacks', '0', '-1')).toEqual(['ast_1']);
  });

  it('is not believed because of reads within the lag, or from a cache', async () => {
    for (let i = 0; i < 10; i += 1) expect(await readsKey('f1')).toMatchObject({ kind: 'stale' });
    for (let i = 1; i < 10; i += 1) {
      await pass(LAG_MS + 1);
      expect(await readsKey('f1', 'ast_1', {}, i * (LAG_MS + 1))).toMatchObject({ kind: 'stale' });
    }
    expect(await published()).toBe(printOf('f2'));
  });

  it('is not believed by its cause alone', async () => {
    expect(await readsKey('f1', 'ast_1', { cause: 'rollback' })).toMatchObject({ kind: 'stale' });
    expect(await published()).toBe(printOf('f2'));
  });

  it('starts over if a read in between shows the published key, and nothing is marked as stale', async () => {
    for (let i = 0; i < 2; i += 1) {
      await readsKey('f1');
      await pass(LAG_MS + 1);
    }
    expect(await agrees('f2')).toBe('agrees');
    expect(await stale()).toEqual({});
    for (let i = 0; i < 2; i += 1) {
      expect(await readsKey('f1')).toMatchObject({ kind: 'stale' });
      await pass(LAG_MS + 1);
    }
    expect(await readsKey('f1')).toEqual({ kind: 'confirmed' });
  });

  it('is counted by itself: two older keys in turn are never believed', async () => {
    await rotate('f3');
    await pass(60_000);
    for (let i = 0; i < 12; i += 1) {
      expect(await readsKey(i % 2 ? 'f1' : 'f2')).toMatchObject({ kind: 'stale' });
      await pass(LAG_MS + 1);
    }
    expect(await published()).toBe(printOf('f3'));
  });

  it('is read after pauses that double, up to a limit', async () => {
    const waits: number[] = [];
    await rotate('f3');
    await pass(60_000);
    for (let i = 0; i < 12; i += 1) {
      const result = await readsKey(i % 2 ? 'f1' : 'f2');
      waits.push((result as { retryInMs: number }).retryInMs);
      await pass(LAG_MS + 1);
    }
    expect(waits.slice(0, 4)).toEqual([1001, 2001, 4001, 8001]);
    expect(Math.max(...waits)).toBe(128_001);
  });

  it('satisfies no rotation, and can itself be superseded by its former successor', async () => {
    for (let i = 0; i < 3; i += 1) {
      await readsKey('f1');
      await pass(LAG_MS + 1);
    }
    await readsKey('f1', 'ast_1', { cause: 'rollback' });
    await pass(60_000);
    // The failover is undone: the newer key is in force again.
    for (let i = 0; i < 2; i += 1) {
      expect(await readsKey('f2')).toMatchObject({ kind: 'stale' });
      await pass(LAG_MS + 1);
    }
    expect(await readsKey('f2')).toEqual({ kind: 'confirmed' });
    expect(await readsKey('f2', 'ast_1', { cause: 'rollback' })).toMatchObject({ kind: 'committed' });
    expect(await redis.hget('{spec}:assistant:ast_1', 'rotated')).toBeNull();
  });

  it('that was wrong for a moment, such as a masked key, is replaced by the right one', async () => {
    expect(await readsKey('masked')).toMatchObject({ kind: 'committed' });
    await pass(60_000);
    for (let i = 0; i < 3; i += 1) {
      await readsKey('f2');
      await pass(LAG_MS + 1);
    }
    expect(await readsKey('f2', 'ast_1', { cause: 'rollback' })).toMatchObject({ kind: 'committed' });
    expect(await published()).toBe(printOf('f2'));
  });

  it('is forgotten once a rotation has replaced both', async () => {
    await readsKey('f1');
    await rotate('f3');
    expect(await stale()).toEqual({});
    expect(await redis.hget('{spec}:assistant:ast_1', 'seen')).toBeNull();
  });
});

describe('the event that puts the published key in doubt', () => {
  it('comes once, at the first read of an older key, until there is another version', async () => {
    await rotate('f1');
    await rotate('f2');
    await pass(60_000);
    const mark = async () => ledger.assistants.markUncertain(await looked(), SEALED);
    expect(await mark()).toBe('marked');
    expect(await mark()).toBe('known');
    expect((await looked()).uncertain).toBe(true);
    expect((await causesOf()).length).toBe(3);
    expect(JSON.parse((await redis.hget('{spec}:uncertain', 'ast_1'))!)).toMatchObject({
      subject: 'ast_1',
      type: 'rekey.assistant.key-uncertain.v1',
      data: { seq: 3 },
    });
    await rotate('f3');
    expect(await redis.hget('{spec}:uncertain', 'ast_1')).toBeNull();
    expect(await mark()).toBe('marked');
  });

  it('does not come if something has happened since the check began, or without a version', async () => {
    await rotate('f1');
    const hold = await looked();
    await looked();
    expect(await ledger.assistants.markUncertain(hold, SEALED)).toBe('refused');
    const claim = await claimed(await accept());
    expect(await ledger.assistants.markUncertain(hold, SEALED)).toBe('refused');
    await ledger.rotations.release(claim);
    expect(await ledger.assistants.markUncertain(await looked({ assistantId: 'ast_new' }), SEALED)).toBe(
      'known',
    );
    expect(await ledger.assistants.markUncertain(await looked(), { ...SEALED, revision: '7' })).toBe(
      'other-recipients',
    );
    expect(await causesOf()).toHaveLength(1);
  });
});

describe('the limit of changes in an org', () => {
  it.each([
    [1, 3],
    [2, 1],
    [3, 2],
    [4, 3],
    [12, 3],
    [16, 4],
    [100, 25],
  ])('of %d assistants is %d, and never all of several', async (count, limit) => {
    await imported(count);
    await known();
    expect(await ledger.orgs.limits(ORG)).toEqual({ known: count, limit, changed: 0, accepted: false });
  });

  it('is all of it if an operator sets that', async () => {
    await imported(4);
    openSpecLedger(url(), { connection: redis, confirmAfterMs: CONFIRM_MS, maxChangedPercent: 100 });
    const { limit } = await ledger.orgs.limits(ORG);
    openSpecLedger(url(), { connection: redis, confirmAfterMs: CONFIRM_MS, maxChangedPercent: 25 });
    expect(limit).toBe(4);
  });

  it('is a share of what was known when the last sweep ended, whatever was imported since', async () => {
    await imported(8);
    await known();
    for (let i = 0; i < 100; i += 1) await readsKey(`s${i}`, `stranger_${i}`, { cause: 'import' });
    expect(await ledger.orgs.limits(ORG)).toMatchObject({ known: 8, limit: 3 });
    await known();
    expect(await ledger.orgs.limits(ORG)).toMatchObject({ known: 108, limit: 27 });
  });
});

describe('an org of which more has changed', () => {
  const changes: [string, (id: string) => Promise<CommitResult>, string][] = [
    ['is gone', (id) => readsNone('deleted', id), 'TOO_MANY_GONE'],
    ['is without a key', (id) => readsNone('no-key', id), 'TOO_MANY_WITHOUT_KEY'],
    ['has another key', (id) => readsKey(`n${id}`, id), 'TOO_MANY_CHANGED'],
  ];

  it.each(changes)('is held, and no more of that is published: %s', async (_what, change, code) => {
    const ids = await imported(20);
    await known();
    for (const id of ids) await change(id);
    await pass(CONFIRM_MS);
    const kinds: string[] = [];
    for (const id of ids) kinds.push((await change(id)).kind);
    expect(new Set(kinds.slice(5))).toEqual(new Set(['withheld']));
    // Another key is published up to the limit: one read is enough.
    const changed = await Promise.all(ids.map(async (id) => (await published(id)) !== printOf(`k${id}`)));
    const limit = code === 'TOO_MANY_CHANGED' ? 5 : 0;
    expect(changed.filter(Boolean)).toHaveLength(limit);
    expect(await held()).toEqual([{ orgId: ORG, code, affected: limit === 5 ? 6 : 20, known: 20 }]);
    expect((await ledger.orgs.limits(ORG)).held).toBe(code);
  });

  it.each([2, 3])('never loses all of its %d assistants', async (count) => {
    const ids = await imported(count);
    await known();
    for (const id of ids) await readsNone('deleted', id);
    await pass(CONFIRM_MS);
    for (const id of ids)
      expect(await readsNone('deleted', id)).toEqual({ kind: 'withheld', code: 'TOO_MANY_GONE' });
    expect(await events()).toHaveLength(count);
  });

  it('is held for assistants gone, without a key, or with another one, counted together', async () => {
    const ids = await imported(20);
    await known();
    await readsKey('n0', ids[0]);
    await readsKey('n1', ids[1]);
    for (const id of ids.slice(2, 5)) await readsNone('deleted', id);
    for (const id of ids.slice(5, 8)) await readsNone('no-key', id);
    await pass(CONFIRM_MS);
    expect(await readsNone('deleted', ids[2])).toEqual({ kind: 'withheld', code: 'TOO_MANY_GONE' });
    expect((await events()).length).toBe(22);
  });

  it('is not held within its limit, and what was published ten minutes ago does not count', async () => {
    const ids = await imported(20);
    await known();
    for (const id of ids.slice(0, 5))
      expect(await confirmed('deleted', id)).toMatchObject({ kind: 'committed' });
    await pass(600_001);
    for (const id of ids.slice(5, 10))
      expect(await confirmed('deleted', id)).toMatchObject({ kind: 'committed' });
    expect(await held()).toEqual([]);
    await readsNone('deleted', ids[10]);
    await pass(CONFIRM_MS);
    expect(await readsNone('deleted', ids[10])).toEqual({ kind: 'withheld', code: 'TOO_MANY_GONE' });
  });

  it('does not count assistants that reads show with their key again', async () => {
    const ids = await imported(20);
    await known();
    for (const id of ids.slice(0, 5)) await readsNone('deleted', id);
    for (const id of ids.slice(0, 5)) expect(await agrees(`k${id}`, id)).toBe('agrees');
    expect((await ledger.orgs.limits(ORG)).changed).toBe(0);
    for (const id of ids.slice(5, 10)) await readsNone('deleted', id);
    await pass(CONFIRM_MS);
    for (const id of ids.slice(5, 10))
      expect(await readsNone('deleted', id)).toMatchObject({ kind: 'committed' });
  });

  it('is held since the first time, and its bulk rotations halt', async () => {
    expect(await ledger.orgs.hold(ORG, { code: 'TOO_MANY_GONE', affected: 7, known: 9 })).toBe(true);
    await pass(5000);
    expect(await ledger.orgs.hold(ORG, { code: 'ORG_CHANGED', affected: 9, known: 9 })).toBe(false);
    expect(await ledger.orgs.held()).toEqual([
      { orgId: ORG, sinceMs: START_MS, code: 'ORG_CHANGED', affected: 9, known: 9 },
    ]);
    await redis.hset('{spec}:bulk:blk_1', { state: 'RUNNING', org: ORG });
    await redis.hset('{spec}:bulk:blk_2', { state: 'RUNNING', org: 'org_2' });
    await redis.zadd('{spec}:bulks:active', 1, 'blk_1', 2, 'blk_2');
    await ledger.orgs.endSweep(ORG);
    await ledger.orgs.hold(ORG, { code: 'TOO_MANY_GONE', affected: 7, known: 9 });
    expect(await redis.hmget('{spec}:bulk:blk_1', 'state', 'why')).toEqual(['HALTED', 'TOO_MANY_GONE']);
    expect(await redis.hget('{spec}:bulk:blk_2', 'state')).toBe('RUNNING');
  });

  it('is held also by an entry that cannot be read', async () => {
    await imported(2);
    await redis.hset('{spec}:held', ORG, 'not json');
    await pass(60_000);
    expect(await readsKey('n0', 'ast_0')).toEqual({ kind: 'withheld', code: 'KEYS_NOT_SHOWN' });
    expect(await held()).toEqual([{ orgId: ORG, code: 'LEDGER_CORRUPT' }]);
  });
});

describe('a held org', () => {
  beforeEach(async () => {
    await imported(20);
    await known();
    await ledger.orgs.hold(ORG, { code: 'TOO_MANY_GONE', affected: 20, known: 20 });
  });

  it('publishes nothing because of a read alone, and imports nothing new', async () => {
    expect(await readsKey('n0', 'ast_0')).toEqual({ kind: 'withheld', code: 'TOO_MANY_GONE' });
    await readsNone('no-key', 'ast_1');
    await pass(CONFIRM_MS);
    expect(await readsNone('no-key', 'ast_1')).toEqual({ kind: 'withheld', code: 'TOO_MANY_GONE' });
    expect(await readsKey('s', 'stranger', { cause: 'import' })).toEqual({
      kind: 'withheld',
      code: 'TOO_MANY_GONE',
    });
    expect(await events()).toHaveLength(20);
  });

  it('publishes responses to rotations, and what is read back for a lost response', async () => {
    expect((await rotate('r0', { assistantId: 'ast_0' })).epoch).toBeGreaterThan(0);
    const claim = await lose({ assistantId: 'ast_1' });
    await pass(5000);
    expect(
      await ledger.assistants.commit(
        claim,
        readKey('r1', claim, { read: { beganMs: nowMs, lagMs: LAG_MS } }),
      ),
    ).toMatchObject({ kind: 'committed' });
  });

  it('is released once a sweep has found what is known, or an operator has accepted the reads', async () => {
    expect(await ledger.orgs.endSweep(ORG)).toBe(true);
    expect(await ledger.orgs.endSweep(ORG)).toBe(false);
    expect(await readsKey('n0', 'ast_0')).toMatchObject({ kind: 'committed' });
    expect(await ledger.orgs.acceptHeld(ORG)).toBe(false);
  });

  it('has no limit for an hour once an operator accepts the reads, but needs two reads still', async () => {
    expect(await ledger.orgs.acceptHeld(ORG)).toBe(true);
    expect(await ledger.orgs.limits(ORG)).toMatchObject({ accepted: true });
    for (const id of names(18)) await readsNone('deleted', id);
    await pass(CONFIRM_MS);
    for (const id of names(18)) expect(await readsNone('deleted', id)).toMatchObject({ kind: 'committed' });
    await pass(3_600_000);
    expect(await ledger.orgs.limits(ORG)).toMatchObject({ accepted: false });
  });

  describe('whose reads an operator has accepted', () => {
    const acceptsAs = async (
      code: 'TOO_MANY_GONE' | 'TOO_MANY_WITHOUT_KEY' | 'TOO_MANY_CHANGED' | 'KEYS_NOT_SHOWN',
    ) => {
      await ledger.orgs.hold(ORG, { code, affected: 20, known: 20 });
      expect(await ledger.orgs.acceptHeld(ORG)).toBe(true);
    };
    /** The answers to the second read of each, which comes without a witness. */
    const confirmsNone = async (state: 'deleted' | 'no-key', ids: string[]) => {
      const readAll = async () => {
        const kinds: string[] = [];
        for (const assistantId of ids) {
          const hold = await looked({ assistantId });
          const version = { ...removed(state, hold), read: { beganMs: hold.atMs, lagMs: LAG_MS } };
          kinds.push((await ledger.assistants.commit(hold, version)).kind);
        }
        return kinds;
      };
      await readAll();
      await pass(CONFIRM_MS);
      return readAll();
    };
    const many = (count: number, kind: string): string[] => Array.from({ length: count }, () => kind);

    it('still needs a witness for an absence of a kind that the hold did not name', async () => {
      await acceptsAs('TOO_MANY_GONE');
      expect(await confirmsNone('no-key', names(2))).toEqual(['unwitnessed', 'unwitnessed']);
      expect(await events()).toHaveLength(20);
    });

    it('is held again if too many changes are of a kind that the hold did not name', async () => {
      await acceptsAs('TOO_MANY_GONE');
      expect(await confirmsNone('no-key', names(6))).toEqual(many(6, 'withheld'));
      expect(await held()).toMatchObject([{ code: 'TOO_MANY_WITHOUT_KEY', affected: 6 }]);
    });

    it('does not count what was accepted against other changes', async () => {
      await acceptsAs('TOO_MANY_GONE');
      expect(await confirmsNone('deleted', names(12))).toEqual(many(12, 'committed'));
      expect(await ledger.orgs.limits(ORG)).toMatchObject({ changed: 0 });
      expect(await readsKey('n15', 'ast_15')).toMatchObject({ kind: 'committed' });
    });

    it('has no limit for both kinds once both were accepted', async () => {
      await acceptsAs('TOO_MANY_GONE');
      await confirmsNone('no-key', names(6));
      expect(await held()).toMatchObject([{ code: 'TOO_MANY_WITHOUT_KEY' }]);
      expect([await ledger.orgs.acceptHeld(ORG), await ledger.orgs.acceptHeld(ORG)]).toEqual([true, true]);
      expect(await redis.hget('{spec}:accepted', ORG)).toMatch(/^\d+ TOO_MANY_GONE TOO_MANY_WITHOUT_KEY$/);
      expect(await confirmsNone('deleted', names(8))).toEqual(many(8, 'committed'));
      expect(await confirmsNone('no-key', names(20).slice(8))).toEqual(many(12, 'committed'));
    });

    it('publishes other keys without a limit if that was accepted, and no absence', async () => {
      await acceptsAs('TOO_MANY_CHANGED');
      for (const [i, id] of names(12).entries())
        expect(await readsKey(`n${i}`, id)).toMatchObject({ kind: 'committed' });
      await pass(60_000);
      expect(await confirmsNone('deleted', names(2))).toEqual(['unwitnessed', 'unwitnessed']);
    });

    it('is only compared again if its keys were not shown', async () => {
      await acceptsAs('KEYS_NOT_SHOWN');
      expect(await confirmsNone('no-key', names(2))).toEqual(['unwitnessed', 'unwitnessed']);
    });

    it('has no limit at all if a version that noted no reason accepted them', async () => {
      await redis.hdel('{spec}:held', ORG);
      await redis.hset('{spec}:accepted', ORG, nowMs + 600_000);
      expect(await confirmsNone('no-key', names(12))).toEqual(many(12, 'committed'));
      await ledger.orgs.hold(ORG, { code: 'KEYS_NOT_SHOWN', affected: 2, known: 20 });
      expect(await ledger.orgs.acceptHeld(ORG)).toBe(true);
      expect(await redis.hget('{spec}:accepted', ORG)).toMatch(/^\d+$/);
    });
  });

  it('is not affected if an operator accepts another org', async () => {
    expect(await ledger.orgs.acceptHeld('org_2')).toBe(false);
    expect(await ledger.orgs.limits(ORG)).toMatchObject({ held: 'TOO_MANY_GONE', accepted: false });
  });
});

describe('the same key for several assistants', () => {
  it('is imported for one of them at most', async () => {
    expect(await readsKey('same', 'ast_0', { cause: 'import' })).toMatchObject({ kind: 'committed' });
    for (const id of ['ast_1', 'ast_2'])
      expect(await readsKey('same', id, { cause: 'import' })).toEqual({
        kind: 'withheld',
        code: 'KEYS_NOT_SHOWN',
      });
    expect(await events()).toHaveLength(1);
    expect(await held()).toMatchObject([{ orgId: ORG, code: 'KEYS_NOT_SHOWN' }]);
    // The assistant that was believed is checked again.
    expect((await ledger.assistants.drawChecks(10, 1000)).map(({ assistantId }) => assistantId)).toEqual([
      'ast_0',
    ]);
  });

  it('replaces the key of one of them at most', async () => {
    await imported(20);
    await known();
    expect(await readsKey('same', 'ast_0')).toMatchObject({ kind: 'committed' });
    for (const id of ['ast_1', 'ast_2'])
      expect(await readsKey('same', id)).toEqual({ kind: 'withheld', code: 'KEYS_NOT_SHOWN' });
    expect((await events()).length).toBe(21);
  });

  it('comes back to one of those without a key at most', async () => {
    await imported(20);
    await known();
    for (const id of ['ast_0', 'ast_1']) await readsNone('no-key', id);
    await pass(CONFIRM_MS);
    for (const id of ['ast_0', 'ast_1']) await readsNone('no-key', id);
    await pass(60_000);
    expect(await readsKey('same', 'ast_0')).toMatchObject({ kind: 'committed' });
    expect(await readsKey('same', 'ast_1')).toEqual({ kind: 'withheld', code: 'KEYS_NOT_SHOWN' });
  });

  it('is read back for one rotation at most', async () => {
    await imported(20);
    await known();
    const claims = [await lose({ assistantId: 'ast_0' }), await lose({ assistantId: 'ast_1' })];
    await pass(5000);
    const results: string[] = [];
    for (const claim of claims)
      results.push(
        (
          await ledger.assistants.commit(
            claim,
            readKey('same', claim, { rotation: 'ends', read: { beganMs: nowMs, lagMs: LAG_MS } }),
          )
        ).kind,
      );
    expect(results).toEqual(['committed', 'withheld']);
  });

  it('is not believed either if an operator has accepted what reads say', async () => {
    await imported(20);
    await known();
    await ledger.orgs.hold(ORG, { code: 'TOO_MANY_CHANGED', affected: 20, known: 20 });
    await ledger.orgs.acceptHeld(ORG);
    const kinds: string[] = [];
    for (const id of names(20)) kinds.push((await readsKey('same', id)).kind);
    expect(kinds).toEqual(['committed', ...Array.from({ length: 19 }, () => 'withheld')]);
    for (const id of ['new_1', 'new_2'])
      expect(await readsKey('same', id, { cause: 'import' })).toMatchObject({ kind: 'withheld' });
  });

  it('may be read of one assistant repeatedly, and of another org', async () => {
    await readsKey('same', 'ast_0', { cause: 'import' });
    await pass(60_000);
    await rotate('f2', { assistantId: 'ast_0' });
    await pass(60_000);
    expect(await readsKey('same', 'ast_0')).toMatchObject({ kind: 'stale' });
    const hold = await looked({ orgId: 'org_2', assistantId: 'ast_x' });
    expect(await ledger.assistants.commit(hold, readKey('same', hold, { cause: 'import' }))).toMatchObject({
      kind: 'committed',
    });
  });
});

describe('a response to a POST', () => {
  it('with the published key, or an earlier one, is old: the rotation continues', async () => {
    for (const name of ['f1', 'f2', 'f3']) await rotate(name);
    const rotation = await accept();
    const claim = await claimed(rotation);
    for (const name of ['f1', 'f2', 'f3'])
      expect(await ledger.assistants.commit(claim, key(name))).toEqual({
        kind: 'old',
        publishedVersion: claim.versionBefore,
      });
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({ state: 'ROTATING' });
    expect(await events()).toHaveLength(3);
    expect(await ledger.assistants.commit(claim, key('f4'))).toMatchObject({ kind: 'committed' });
  });

  it('with the key of another assistant is old, and that assistant is read again', async () => {
    await rotate('same', { assistantId: 'ast_0' });
    const claim = await claimed(await accept());
    expect(await ledger.assistants.commit(claim, key('same'))).toMatchObject({ kind: 'old' });
    expect(await ledger.assistants.drawChecks(10, 1000)).toMatchObject([{ assistantId: 'ast_0' }]);
  });
});

describe('a change that a rotation explains', () => {
  it('does not count against the limit, whichever check finds it first', async () => {
    const ids = await imported(20);
    await known();
    for (const id of ids) {
      const claim = await claimed(await accept({ assistantId: id }));
      // A proxy reports that nothing was done, but it was.
      await ledger.rotations.release(claim);
    }
    await pass(5000);
    for (const id of ids) expect(await readsKey(`r${id}`, id)).toMatchObject({ kind: 'committed' });
    expect(await held()).toEqual([]);
    expect((await ledger.orgs.limits(ORG)).changed).toBe(0);
  });

  it('is no longer explained if the key before was in force long after the rotation', async () => {
    const ids = await imported(20);
    await known();
    for (const id of ids) await ledger.rotations.release(await claimed(await accept({ assistantId: id })));
    await pass(700_000);
    for (const id of ids) expect(await agrees(`k${id}`, id)).toBe('agrees');
    await pass(60_000);
    const kinds: string[] = [];
    for (const id of ids) kinds.push((await readsKey(`r${id}`, id)).kind);
    expect(kinds.filter((kind) => kind === 'committed')).toHaveLength(5);
    expect(await held()).toMatchObject([{ code: 'TOO_MANY_CHANGED' }]);
  });

  it('explains no removal', async () => {
    const ids = await imported(20);
    await known();
    for (const id of ids) await ledger.rotations.release(await claimed(await accept({ assistantId: id })));
    await pass(5000);
    for (const id of ids) await readsNone('deleted', id);
    await pass(CONFIRM_MS);
    for (const id of ids)
      expect(await readsNone('deleted', id)).toEqual({ kind: 'withheld', code: 'TOO_MANY_GONE' });
  });
});
