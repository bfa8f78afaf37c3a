import { describe, expect, it } from '@jest/globals';
import { KeyEvent } from '@rekey/schema';
import { openEnvelope } from '@rekey/sealing';
import { findingOf } from '../publishing/finding.ts';
import {
  redis,
  ledger,
  consumers,
  alias,
  upstream,
  keeper,
  clock,
  startWorker,
  looked,
  publish,
  names,
  event,
  published,
  addConsumer,
  name,
  sweepAll,
  makeChecks,
  pass,
  useOrgAlias,
} from './org-alias-fixture.ts';

useOrgAlias();

describe('what was published under `c`', () => {
  it('is published under the org, with the record unchanged, for recipients under either name', async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    const before = await event('ast_1');
    const old = await addConsumer('old', ['c']);
    const real = await addConsumer('real', ['org_real']);
    await keeper.round();
    await keeper.round();
    // Meanwhile both read both.
    for (const one of ['old', 'real'])
      expect((await consumers.get(one))!.storedOrgs).toEqual(['c', 'org_real']);
    await makeChecks();
    pass(60_000);
    await keeper.round();
    for (const id of ['ast_1', 'ast_2', 'ast_3']) {
      expect(await published(id)).toEqual(['org_real', 'reconciliation', `sk_${id}_0`]);
      for (const shared of [old, real])
        expect(openEnvelope((await event(id)).data.sealed, shared)).toContain(
          '"big":12345678901234567890.10',
        );
    }
    expect((await event('ast_1')).data.version).toBeGreaterThan(before.data.version!);
    expect([
      await redis.exists('{spec}:assistants:c'),
      await redis.smembers('{spec}:orgs'),
      (await redis.zrange('{spec}:assistants:org_real', '0', '-1')).toSorted(),
    ]).toEqual([0, ['org_real'], ['ast_1', 'ast_2', 'ast_3']]);
    for (const one of ['old', 'real']) expect((await consumers.get(one))!.storedOrgs).toEqual(['org_real']);
    // Eight at most for the evidence, and one for each assistant.
    expect(upstream.requests.length).toBeLessThanOrEqual(11);
    pass(60_000);
    await keeper.round();
    await makeChecks();
    expect(upstream.requests.length).toBeLessThanOrEqual(11);
  });

  it('is renamed to the end by another worker, if one dies meanwhile', async () => {
    const ids = names(250);
    upstream.add('org_real', ...ids);
    await publish('c', ...ids);
    await alias.note('org_real', 'learned');
    const dies = await startWorker();
    await dies.keeper.round();
    await makeChecks();
    expect(await redis.zcard('{spec}:assistants:c')).toBe(150);
    const { keeper: next } = await startWorker();
    for (let i = 0; i < 3; i += 1) {
      await next.round();
      await makeChecks();
      pass(6000);
    }
    await next.round();
    expect([
      await redis.exists('{spec}:assistants:c'),
      await redis.zcard('{spec}:assistants:org_real'),
    ]).toEqual([0, 250]);
    expect(await published('ast_n249')).toEqual(['org_real', 'reconciliation', 'sk_ast_n249_0']);
    const versions = (await redis.xrange('{spec}:events', '-', '+')).map(([, fields]) =>
      KeyEvent.parse(JSON.parse(fields[1]!)),
    );
    expect(versions).toHaveLength(500);
  });

  it('is published as Invent answers: a writer in Redis can put an older record there', async () => {
    await publish('c', 'ast_1');
    const [old, entry] = [
      await redis.get('{spec}:current:ast_1'),
      await redis.hmget('{spec}:assistant:ast_1', 'version', 'fingerprint'),
    ];
    await alias.note('org_real', 'learned');
    await keeper.round();
    await makeChecks();
    pass(60_000);
    await keeper.round();
    upstream.rotate('ast_1');
    await sweepAll();
    expect(await published('ast_1')).toEqual(['org_real', 'drift', 'sk_ast_1_1']);
    // Another one was renamed a moment ago.
    pass(60_000);
    await publish('c', 'ast_2');
    await keeper.round();
    await makeChecks();
    await redis.set('{spec}:current:ast_1', old!);
    await redis.hset('{spec}:assistant:ast_1', { org: 'c', version: entry[0]!, fingerprint: entry[1]! });
    await redis.zadd('{spec}:assistants:c', Date.now(), 'ast_1');
    const before = await redis.xlen('{spec}:events');
    pass(60_000);
    await keeper.round();
    expect(await redis.xlen('{spec}:events')).toBe(before);
    await makeChecks();
    expect(await published('ast_1')).toEqual(['org_real', 'drift', 'sk_ast_1_1']);
  });

  it('is renamed by a sweep too, which costs no request for each', async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    await alias.note('org_real', 'learned');
    await keeper.round();
    upstream.requests.length = 0;
    await sweepAll();
    expect(await published('ast_3')).toEqual(['org_real', 'reconciliation', 'sk_ast_3_0']);
    expect(upstream.requests).toEqual(['LIST org_real']);
  });

  it('leaves other checks their requests: no more than a hundred are due at once', async () => {
    const ids = names(250);
    upstream.add('org_real', ...ids);
    await publish('c', ...ids);
    await alias.note('org_real', 'learned');
    for (let i = 0; i < 5; i += 1) {
      await keeper.round();
      pass(6000);
    }
    expect(await redis.zcard('{spec}:checks:slow')).toBe(100);
  });

  it('is not what another client has invented: no consumer is written for that', async () => {
    await publish('c', 'ast_1');
    await addConsumer('billing', ['org_real']);
    await keeper.round();
    await keeper.round();
    await makeChecks();
    pass(60_000);
    await keeper.round();
    const before = await consumers.revisions();
    for (let i = 0; i < 3; i += 1) {
      await redis.zadd('{spec}:assistants:c', 1, 'ast_invented');
      pass(60_000);
      await keeper.round();
    }
    expect(await consumers.revisions()).toEqual(before);
    expect(await redis.exists('{spec}:assistants:c')).toBe(0);
  });

  it('is no longer named by a consumer that a late gateway adds, or whose entry changed', async () => {
    await publish('c', 'ast_1');
    await alias.note('org_real', 'learned');
    await keeper.round();
    await makeChecks();
    pass(60_000);
    const { write } = consumers;
    await addConsumer('changes', ['c']);
    consumers.write = async () => false;
    await keeper.round();
    consumers.write = write;
    pass(60_000);
    await keeper.round();
    expect((await consumers.get('changes'))!.storedOrgs).toEqual(['org_real']);
    await addConsumer('late', ['c']);
    pass(60_000);
    await keeper.round();
    expect((await consumers.get('late'))!.storedOrgs).toEqual(['org_real']);
  });

  it('is left to a sweep if many are left, and continues with checks if no sweep comes', async () => {
    const ids = names(250);
    upstream.add('org_real', ...ids);
    await publish('c', ...ids);
    await alias.note('org_real', 'learned');
    const requested: string[] = [];
    const round = async () => {
      pass(6000);
      await keeper.round(async (orgId) => void requested.push(orgId));
      return await ledger.assistants.countDue({ slow: true });
    };
    expect([await round(), await round(), requested]).toEqual([0, 0, ['org_real']]);
    pass(60_000);
    expect([await round(), requested.length]).toEqual([100, 1]);
    pass(300_000);
    await round();
    expect(requested).toEqual(['org_real', 'org_real']);
    await sweepAll();
    expect(await redis.zcard('{spec}:assistants:c')).toBe(0);
  });

  it('is renamed again, with queued rotations, if Redis has lost the renaming', async () => {
    await publish('c', 'ast_1');
    const id = `rot_${'0'.repeat(26)}`;
    await ledger.rotations.accept(id, { orgId: 'c', assistantId: 'ast_2', reason: '' });
    const copies = await Promise.all(
      (await redis.keys('{spec}:*')).map(async (key) => [key, await redis.dumpBuffer(key)] as const),
    );
    await name('org_real');
    await keeper.round();
    await keeper.round();
    await makeChecks();
    await redis.flushall();
    for (const [key, copy] of copies) await redis.restore(key, 0, copy!);
    await name('org_real');
    await keeper.round();
    pass(60_000);
    await keeper.round();
    await makeChecks();
    pass(60_000);
    await keeper.round();
    expect(await published('ast_1')).toEqual(['org_real', 'reconciliation', 'sk_ast_1_0']);
    expect([
      await redis.hget(`{spec}:rotation:${id}`, 'org'),
      await redis.exists('{spec}:assistants:c'),
    ]).toEqual(['org_real', 0]);
  });

  it('is read from Invent also if it cannot be opened', async () => {
    await publish('c', 'ast_1', 'ast_2');
    await redis.set('{spec}:current:ast_1', 'nonsense');
    await alias.note('org_real', 'learned');
    await keeper.round();
    await makeChecks();
    for (const id of ['ast_1', 'ast_2'])
      expect(await published(id)).toEqual(['org_real', 'reconciliation', `sk_${id}_0`]);
  });

  it('does not include the record of another org that a writer in Redis has put there', async () => {
    await publish('org_other', 'ast_o1');
    await publish('c', 'ast_1');
    const thief = await addConsumer('thief', ['org_real']);
    await alias.note('org_real', 'learned');
    await redis.zadd('{spec}:assistants:c', 1, 'ast_o1');
    await redis.hset('{spec}:assistant:ast_o1', 'org', 'c');
    await keeper.round();
    await makeChecks();
    expect(await published('ast_1')).toEqual(['org_real', 'reconciliation', 'sk_ast_1_0']);
    expect(await published('ast_o1')).toEqual(['org_other', 'reconciliation', 'sk_ast_o1_0']);
    expect(openEnvelope((await event('ast_o1')).data.sealed, thief)).toBeUndefined();
  });

  it('is committed under the org, also by a worker that does not know it yet', async () => {
    const late = await startWorker();
    await alias.note('org_real', 'learned');
    const hold = await looked('c', 'ast_1');
    const read = { beganMs: hold.atMs, lagMs: 0 };
    await late.publisher.publish(
      hold,
      { redisMs: hold.atMs, clockMs: clock.nowMs() },
      {
        finding: findingOf(upstream.record('org_real', 'ast_1')),
        cause: 'import',
        rotation: 'continues',
        read,
      },
    );
    expect(await published('ast_1')).toEqual(['org_real', 'import', 'sk_ast_1_0']);
    expect(await redis.exists('{spec}:assistants:c')).toBe(0);
  });
});
