import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { noSweepCounts, type Consumer } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import {
  START_MS,
  again,
  begin,
  bulks,
  claimRange,
  draw,
  drawn,
  failWith,
  returnToBulk,
  loseIt,
  makeBulk,
  openBulksOn,
  pass,
  startAnew,
  succeed,
  work,
} from '../bulks/bulk-fixture.ts';
import {
  ENVELOPE,
  SEALED,
  accept,
  claimOf,
  claimed,
  key,
  ledger,
  looked,
  lose,
  nextId,
  printOf,
  readKey,
  redis,
  removed,
  request,
  resumed,
  rotate,
} from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';
import { createLedgerClock } from '../time/ledger-clock.ts';
import { connectUnderFaults, type Faults } from './fault-fixture.ts';
import { commandNames } from './load.ts';

let server: RedisServer;
let faults: Faults;
beforeAll(async () => {
  server = await startRedis();
  faults = await connectUnderFaults(server.url);
  openBulksOn(server.url, faults.redis);
});
afterAll(async () => {
  faults.close();
  await server.dispose();
});
beforeEach(startAnew);

const policySpec = {
  orgId: 'org_1',
  reason: '',
  everyDays: 90,
  window: { cron: '0 3 * * *', timeZone: 'UTC', lengthMs: 3_600_000 },
  maxFailures: { percent: 1 },
  requestId: '5a4e3c1a-0000-4000-8000-000000000002',
};
const consumer: Consumer = {
  name: 'billing',
  orgs: ['org_1'],
  state: 'ACTIVE',
  created_at: new Date(START_MS).toISOString(),
  key: { kty: 'EC' },
} as never;

/**
 * Steps through the whole of the ledger. Each script call in them is made under every fault first: see
 * fault-fixture.ts.
 */
const flows: Record<string, () => Promise<void>> = {
  'single rotations': async () => {
    const requestId = '5a4e3c1a-0000-4000-8000-000000000001';
    await accept({ requestId });
    await accept({ requestId });
    await ledger.rotations.accept(nextId(), request({ requestId, reason: 'another' })).catch(() => {});
    const { id } = await accept();
    await claimed({ id, orgId: 'org_1', assistantId: 'ast_1' }).then((claim) =>
      ledger.assistants.commit(claim, key('f1', { checkAgainInMs: 1000 })),
    );
    await claimOf({ id, orgId: 'org_1', assistantId: 'ast_1' });
    const claim = await claimed(await accept());
    await claimOf(await accept());
    await ledger.assistants.commit(claim, key('f1'));
    await ledger.assistants.commit({ ...claim, epoch: 1 }, key('f2'));
    await ledger.rotations.release(claim, { code: 'UPSTREAM_UNREACHABLE' });
    await ledger.rotations.release(claim);
    await ledger.rotations.cancel(claim.rotationId);
    await ledger.rotations.cancel(claim.rotationId);
    const failing = await claimed(await accept());
    await ledger.rotations.fail(failing, { code: 'ASSISTANT_NOT_FOUND', status: 404 }, true);
    await ledger.rotations.fail(failing, { code: 'ASSISTANT_NOT_FOUND' }, true);
    const unknown = await claimed(await accept({ assistantId: 'nobody' }));
    await ledger.rotations.fail(unknown, { code: 'ASSISTANT_NOT_FOUND' }, false);
    await ledger.rotations.cancel((await accept({ assistantId: 'nobody' })).id);
    await claimOf(await accept({ assistantId: 'ast_full' }), { maxOpenIntents: 0 });
    await claimOf(await accept({ assistantId: 'ast_frozen' }), { holdBack: 'REDIS_MEMORY_LOW' });
    const removing = await claimed(await accept({ orgId: 'org_9', assistantId: 'ast_1' }));
    await ledger.assistants.commit(removing, key('f7', { checkAgainInMs: 1000 }));
    await ledger.rotations.trim({ olderThanId: 'rot_1', keepEach: 1 });
  },
  'outcomes that are unknown': async () => {
    await rotate('f1');
    const lost = await lose();
    await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' });
    await claimOf(await accept(), { maxOpenIntents: 1 });
    await claimOf(await accept({ assistantId: 'ast_2' }), { maxOpenIntents: 1 });
    await pass(61_000);
    await redis.zadd('{spec}:intents:org_1', 1, 'ast_forgotten');
    await claimOf(await accept({ assistantId: 'ast_3' }), { maxOpenIntents: 1 });
    await redis.del('{spec}:intents:org_1');
    await ledger.assistants.commit(
      await claimed(await accept({ assistantId: 'ast_3' }), { maxOpenIntents: 1 }),
      key('f8'),
    );
    const { claim } = await resumed({ id: lost.rotationId, ...lost });
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0, readError: 'STALE_READ' }, SEALED);
    const { claim: later } = await resumed({ id: lost.rotationId, ...lost });
    await ledger.assistants.commit(later, readKey('f2', later, { rotation: 'satisfied' }));
    await ledger.rotations.settle(later, later.atMs, later.atMs);
    await ledger.rotations.settle(later, later.atMs, later.atMs);
    const failed = await lose();
    await ledger.assistants.commit(
      (await resumed({ id: failed.rotationId, ...failed })).claim,
      readKey('f2', failed, { rotation: { fails: 'UPSTREAM_REJECTED' } }),
    );
    const spoilt = await lose({ assistantId: 'ast_4' });
    await ledger.rotations.failCorrupt(spoilt.rotationId, 60_000);
    await ledger.rotations.failCorrupt(
      (await claimed(await accept({ assistantId: 'ast_6' }))).rotationId,
      60_000,
    );
    await ledger.rotations.failCorrupt((await accept({ assistantId: 'ast_5' })).id, 60_000);
    await redis.set(`{spec}:bull:rotations:${spoilt.rotationId}`, 'x');
    await redis.zadd('{spec}:bull:rotations:delayed', (START_MS + 1e9) * 4096, spoilt.rotationId);
    await ledger.rotations.findOrphans({ quietMs: 0 });
    await redis.del(`{spec}:rotation:${spoilt.rotationId}`);
    await ledger.rotations.findOrphans({ quietMs: 0 });
    await pass(300_000);
    await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_4' });
  },
  'an assistant whose holder is gone': async () => {
    const lost = await claimed(await accept(), { leaseMs: 0, landingWindowMs: 0 });
    await redis.del(`{spec}:rotation:${lost.rotationId}`);
    await claimOf(await accept({ orgId: 'c' }));
  },
  checks: async () => {
    await rotate('f1');
    await rotate('w', { assistantId: 'ast_2' });
    await pass(1000);
    await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' });
    const importing = await looked({ assistantId: 'ast_9' });
    await ledger.assistants.commit(importing, readKey('i', importing, { cause: 'import' }));
    const hold = await looked();
    await ledger.assistants.markUncertain(hold, SEALED);
    await ledger.assistants.markUncertain(hold, SEALED);
    await ledger.assistants.commit(hold, readKey('f1', hold));
    await pass(1000);
    const drifted = await looked();
    await ledger.assistants.commit(drifted, readKey('f3', drifted, { cause: 'drift' }));
    for (let i = 0; i < 3; i += 1) {
      await pass(1000);
      const back = await looked();
      await ledger.assistants.commit(back, readKey('f1', back, { cause: 'drift' }));
      await ledger.assistants.compare({ beganMs: back.atMs, lagMs: 0 }, [
        { assistantId: 'ast_1', state: printOf('f1') },
      ]);
      await ledger.assistants.commit(back, readKey('f1', back, { cause: 'rollback' }));
    }
    const read = { beganMs: START_MS + 9000, lagMs: 0 };
    await ledger.assistants.compare(read, [
      { assistantId: 'ast_2', state: printOf('w') },
      { assistantId: 'ast_7', state: '' },
      { assistantId: 'ast_1', state: printOf('zz') },
    ]);
    await pass(1000);
    const gone = await looked();
    await ledger.assistants.commit(gone, removed('deleted', gone));
    await ledger.assistants.compare({ beganMs: gone.atMs, lagMs: 0 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);
    await ledger.assistants.commit(gone, removed('deleted', gone));
    await ledger.assistants.commit(gone, removed('deleted', gone, { witnessedMs: 0 }));
    await pass(1000);
    await ledger.rotations.fail(await claimed(await accept()), { code: 'ASSISTANT_NOT_FOUND' }, false);
    await claimed(await accept()).then((claim) =>
      ledger.assistants.commit(claim, key('f9', { rotation: 'ends' })),
    );
    await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId: 'ast_1' }, 0);
    const [due, other] = await ledger.assistants.drawChecks(10, 60_000);
    await ledger.assistants.endCheck(due!, { inMs: 1000, slow: true });
    if (other) await ledger.assistants.endCheck(other);
  },
  'an org that is held': async () => {
    for (const name of ['ast_1', 'ast_2', 'ast_3', 'ast_4', 'ast_5', 'ast_6'])
      await rotate(`f${name}`, { assistantId: name });
    await ledger.orgs.endSweep('org_1');
    await pass(1000);
    for (const name of ['ast_1', 'ast_2', 'ast_3', 'ast_4', 'ast_5']) {
      const hold = await looked({ assistantId: name });
      await ledger.assistants.commit(hold, removed('no-key', hold, { witnessedMs: 0 }));
    }
    await ledger.orgs.hold('org_1', { code: 'TOO_MANY_GONE', affected: 3, known: 5 });
    await ledger.orgs.limits('org_1');
    await ledger.orgs.acceptHeld('org_1');
    await ledger.orgs.endSweep('org_1', { settled: true });
    await ledger.orgs.acceptHeld('org_1');
  },
  'a bulk rotation': async () => {
    await rotate('shared', { assistantId: 'ast_6' });
    const { id } = await makeBulk(8, { canary: { count: 2, continues: false } });
    const [first, second] = await begin(2);
    await succeed(first!);
    await returnToBulk(second!);
    const [retried] = await begin(5);
    await failWith(retried!);
    await bulks.pause(id);
    await bulks.resume(id);
    const [lost, other, third] = await begin(3);
    await loseIt(lost!);
    await ledger.assistants.commit(await again(lost!).catch(() => lost!), key('late'));
    await claimOf({ id: lost!.rotationId, ...lost! });
    await loseIt(other!, 'UPSTREAM_UNREACHABLE');
    await bulks.cancel(id);
    await ledger.rotations.fail(third!, { code: 'UPSTREAM_REJECTED' }, false);
    await pass(61_000);
    await claimOf({ id: other!.rotationId, ...other! });
  },
  'a bulk rotation that completes': async () => {
    const { id } = await makeBulk(3);
    const range = await drawn();
    await work.renew(id, 'w1', 60_000, range);
    const result = await claimRange(range);
    await work.dropRange(range, 'w1');
    const claims =
      result.kind === 'claimed'
        ? result.items.flatMap((item) => (item.kind === 'claimed' ? [item.claim] : []))
        : [];
    await succeed(claims[0]!);
    await failWith(claims[1]!);
    await succeed(claims[2]!);
    await draw();
    await work.renew(id, 'w1', 60_000);
    await work.saveVerification(id, 'w1', { verified: 1, repaired: 0, unverified: 0, differing: [] }, false);
    await work.saveVerification(id, 'w1', { verified: 1, repaired: 0, unverified: 0, differing: [] }, true);
    await bulks.retry(id);
    await bulks.retry(id);
    const [retried] = await begin(3);
    await ledger.rotations.release(retried!);
    await bulks.cancel(id);
    await claimOf({ id: retried!.rotationId, ...retried! });
    await work.trim({ endedBeforeMs: START_MS + 1e9, keep: 0 });
  },
  'bulk rotations that are prepared': async () => {
    const spec = {
      orgId: 'org_1',
      reason: '',
      selection: { kind: 'org' as const },
      urgent: true,
      validateOnly: false,
      maxFailures: { count: 0 },
    };
    const make = async (more: object = {}) => {
      const draft = bulks.draft(nextId().replace('rot_', 'blk_'));
      await draft.exclude(['ast_9']);
      const { bulk } = await bulks.create(draft.id, { ...spec, ...more } as never, draft);
      await draw();
      return bulk.id;
    };
    const prepared = await make();
    await work.restart(prepared, 'w1');
    await work.saveIds(prepared, 'w1', 0, ['ast_1', 'ast_2']);
    await work.endPrepare(
      prepared,
      'w1',
      2,
      { requests: 4, durationMs: 10 },
      { complete: true, listed: 2, unreadable: 0 },
    );
    await bulks.cancel(prepared);
    const incomplete = await make();
    await work.saveIds(incomplete, 'w1', 0, ['ast_1']);
    await work.endPrepare(
      incomplete,
      'w1',
      1,
      { requests: 4, durationMs: 10 },
      { complete: false, listed: 1, unreadable: 0 },
    );
    const failed = await make();
    await work.fail(failed, 'w1', 'UPSTREAM_FORBIDDEN', { complete: true, listed: 2, unreadable: 0 });
    const dry = await make({ validateOnly: true });
    await work.saveIds(dry, 'w1', 0, ['ast_1', 'ast_2']);
    await work.saveLetters(dry, 'w1', 0, 'vA');
    await work.endDryRun(
      dry,
      'w1',
      { requests: 1, durationMs: 1 },
      { complete: true, listed: 2, unreadable: 0 },
    );
  },
  'a bulk rotation whose canary waits for consumers': async () => {
    const { id } = await makeBulk(4, { canary: { count: 1, continues: true, awaitsConsumers: true } });
    const [first] = await begin(1);
    await succeed(first!);
    await work.acknowledged(id);
    await work.acknowledged(id);
    const [second] = await begin(1);
    await returnToBulk(second!);
    await pass(700_000);
    const [third, fourth] = await begin(3);
    await returnToBulk(third!);
    await bulks.resume(id);
    await loseIt(fourth!, 'UPSTREAM_UNREACHABLE');
    const lost = await again(fourth!).catch(() => undefined);
    if (lost) await succeed(lost);
    await bulks.resume(id).catch(() => {});
    await bulks.cancel(id);
  },
  'records that are too long, and answers that need an operator': async () => {
    await ledger.assistants.noteTooLarge({ orgId: 'org_1', assistantId: 'ast_1' }, START_MS);
    await claimOf(await accept());
    await makeBulk(3);
    const [first, second] = await begin(3);
    await ledger.rotations.noteUnknown(
      first!,
      { readInMs: 0, holdMs: 0, blocked: 'RECORD_TOO_LARGE' },
      SEALED,
    );
    await ledger.rotations.noteUnknown(
      second!,
      { readInMs: 0, holdMs: 0, blocked: 'UPSTREAM_UNEXPECTED' },
      SEALED,
    );
    await resumed({ id: second!.rotationId, ...second! });
  },
  'a bulk rotation that goes on by itself': async () => {
    const { id } = await makeBulk(6, { canary: { count: 1, continues: true } });
    const [first] = await begin(1);
    await succeed(first!);
    const [back, good, lost, other] = await begin(4);
    await returnToBulk(back!);
    await succeed(good!);
    await loseIt(lost!);
    await bulks.pause(id);
    await bulks.resume(id);
    const seen = await resumed({ id: lost!.rotationId, ...lost! });
    await ledger.assistants.commit(seen.claim, readKey('l1', seen.claim, { rotation: 'ends' }));
    await loseIt(other!, 'UPSTREAM_UNREACHABLE');
    await loseIt((await resumed({ id: other!.rotationId, ...other! })).claim);
  },
  'a bulk rotation with a request id, and one whose window closes': async () => {
    const requestId = '5a4e3c1a-0000-4000-8000-000000000003';
    const bulk = await makeBulk(2, { requestId, untilMs: START_MS + 5000 } as never);
    await makeBulk(2, { requestId, untilMs: START_MS + 5000 } as never);
    const range = await drawn({ size: 1 });
    await work.dropRange(range, 'w1');
    await pass(6000);
    await claimRange(range);
    await draw();
    await redis.del(`{spec}:bulk:${bulk.id}`);
    await makeBulk(2, { requestId, untilMs: START_MS + 5000 } as never).catch(() => {});
    const open = await makeBulk(2);
    await redis.del(`{spec}:bulk:${open.id}`);
    await draw();
  },
  'a bulk rotation beside others': async () => {
    await rotate('f', { assistantId: 'ast_0' });
    await pass(1000);
    const gone = await looked({ assistantId: 'ast_0' });
    await ledger.assistants.commit(gone, removed('deleted', gone, { witnessedMs: 0 }));
    await accept({ assistantId: 'ast_1' });
    await makeBulk(5, { maxFailures: { count: 0 }, canary: { count: 4, continues: true } } as never);
    const range = await drawn();
    await redis.set('{spec}:assistant:ast_2', 'nonsense');
    await claimRange(range, { maxOpenIntents: 100 });
  },
  'unknown outcomes of a bulk rotation, too many in a row': async () => {
    await makeBulk(3);
    const [one] = await begin(1);
    await loseIt(one!);
    await pass(61_000);
    const range = await drawn();
    await claimRange(range, { maxOpenIntents: 3 });
    await redis.hset('{spec}:ledger', 'run:org_1', 1);
    await redis.del('{spec}:intents:org_1');
    await claimRange(range, { maxOpenIntents: 1 });
  },
  'a storm of drift': async () => {
    for (const name of ['ast_1', 'ast_2']) await rotate(`f${name}`, { assistantId: name });
    await makeBulk(3);
    await redis.hset('{spec}:ledger', 'drift:org_1', 50, 'drift_at:org_1', START_MS);
    await pass(1000);
    const hold = await looked();
    await ledger.assistants.commit(hold, readKey('d1', hold, { cause: 'drift' }));
  },
  'a ledger that vanished': async () => {
    await rotate('f1');
    const vanished = openLedger(redis, { prefix: 'spec' });
    await vanished.system.recognise({ mayBegin: true, fingerprintKeyId: 'OTHER' });
    await redis.hdel('{spec}:ledger', 'id', 'fingerprint_key', 'adopted');
    await vanished.system.recognise({
      fingerprintKeyId: 'OTHER',
      remembered: { assistants: 1, consumers: 0, policies: 0 },
    } as never);
    await openLedger(redis, { prefix: 'spec' }).system.recognise({ mayBegin: true });
  },
  'several at once': async () => {
    const claims = [];
    for (const name of ['ast_1', 'ast_2', 'ast_3'])
      claims.push(await claimed(await accept({ assistantId: name })));
    await Promise.all(claims.map((claim) => ledger.assistants.commit(claim, key(`f${claim.assistantId}`))));
  },
  policies: async () => {
    const policies = openLedger(redis, { prefix: 'spec' }).policies;
    const { policy } = await policies.create('pol_1', policySpec, ['ast_1', 'ast_2']);
    await policies.create('pol_2', policySpec, ['ast_1', 'ast_2']);
    await policies.begin(policy.id, START_MS);
    await policies.begin(policy.id, START_MS);
    await policies.setPaused(policy.id, true);
  },
  sweeps: async () => {
    const sweeps = openLedger(redis, { prefix: 'spec' }).sweeps;
    await sweeps.create('swp_1', undefined);
    await sweeps.create('swp_2', undefined);
    await sweeps.begin('swp_1', 'run-1', 60_000);
    await sweeps.begin('swp_1', 'run-2', 60_000);
    await sweeps.save('swp_1', 'run-1', noSweepCounts, { leaseMs: 60_000 });
    await sweeps.save('swp_1', 'run-1', noSweepCounts, { end: 'SUCCEEDED' });
    await sweeps.create('swp_3', 'org_1');
    await redis.zadd(
      '{spec}:sweeps',
      ...Array.from({ length: 1100 }, (_, i) => [0, `swp_${String(i).padStart(6, '0')}`]).flat(),
    );
    await sweeps.create('swp_4', 'org_2');
  },
  consumers: async () => {
    await rotate('f1');
    const consumers = openLedger(redis, { prefix: 'spec' }).consumers;
    await consumers.write('billing', undefined, consumer, { reseals: true, emit: JSON.stringify(ENVELOPE) });
    const current = (await redis.get('{spec}:current:ast_1'))!;
    await consumers.reseal([
      { assistantId: 'ast_1', before: current, after: `${current} `, uncertain: false },
    ]);
    await redis.hset('{spec}:uncertain', 'ast_1', 'doubt');
    await consumers.reseal([{ assistantId: 'ast_1', before: 'doubt', after: 'resealed', uncertain: true }]);
    await redis.hdel('{spec}:uncertain', 'ast_1');
    await consumers.write(
      'billing',
      { consumer, text: (await redis.hget('{spec}:consumers', 'billing'))!, storedOrgs: [] },
      undefined,
      { reseals: true },
    );
  },
  'the request budget': async () => {
    const budget = openLedger(redis, {
      prefix: 'spec',
      budget: { egress: 'e', requestsPerMinute: 60 },
    }).budget;
    await budget.take('first');
    await budget.take('sweep');
    await budget.slowDown({ ageMs: 0, retryAfterMs: 300_000 });
    await pass(60_000);
    await budget.take('first');
    await budget.open();
  },
  'an org that gets its name': async () => {
    await rotate('f1', { orgId: 'c' });
    await lose({ orgId: 'c', assistantId: 'ast_4' });
    await ledger.rotations.noteUnknown(
      await claimed(await accept({ orgId: 'c', assistantId: 'ast_5' })),
      { readInMs: 0, holdMs: 0 },
      SEALED,
    );
    await redis.hset('{spec}:ledger', 'drift:c', 3, 'drift_at:c', START_MS, 'redis_run', 'x');
    await redis.zadd('{spec}:changes:c', START_MS, 'ast_1');
    await openLedger(redis, { prefix: 'spec' }).policies.create(
      'pol_1',
      { ...policySpec, orgId: 'c' },
      undefined,
    );
    await lose({ orgId: 'c', assistantId: 'ast_2' });
    await accept({ orgId: 'c', assistantId: 'ast_3' });
    await makeBulk(1, { orgId: 'c' });
    await ledger.orgs.hold('c', { code: 'TOO_MANY_GONE', affected: 1, known: 1 });
    await ledger.orgs.acceptHeld('c');
    await ledger.orgs.hold('c', { code: 'KEYS_NOT_SHOWN', affected: 1, known: 1 });
    await openLedger(redis, { prefix: 'spec' }).sweeps.create('swp_1', 'c');
    await redis.hset('{spec}:known', 'c', 5);
    const alias = openLedger(redis, { prefix: 'spec' }).alias;
    await alias.note('org_1', 'learned');
    await alias.adoptRotations('');
    await pass(1000);
    const { assistants } = await alias.page(0);
    const move = () =>
      alias.move(
        'org_1',
        assistants
          .filter(({ state }) => state === 'ready')
          .map((from) => ({
            from,
            version: from.versionBefore! + 1_000_000,
            key: { fingerprint: from.stateBefore! },
            sealed: JSON.stringify(ENVELOPE),
          })),
        1,
      );
    await move();
    await redis.hdel('{spec}:ledger', 'redis_run');
    await move();
    await move();
  },
  'the ledger itself': async () => {
    const itself = openLedger(redis, { prefix: 'spec' });
    await itself.system.recognise({ fingerprintKeyId: 'KEYID' });
    await itself.system.recogniseRedis('run-a');
    await itself.system.recogniseRedis('run-b');
    const clock = createLedgerClock({ redis, prefix: 'spec', name: 'spec' });
    await clock.look();
    await pass(1000);
    await clock.look();
    await pass(4 * 3_600_000);
    await clock.look();
    await clock.look();
    await redis.hset('{spec}:ledger', 'id', 'another');
    const { id } = await itself.system.recognise();
    await itself.system.adopt(id);
    const system = openLedger(redis, { prefix: 'spec' }).system;
    await system.freeze('why');
    await system.freeze('again');
    const processes = openLedger(redis, { prefix: 'spec' }).processes;
    await processes.beat({ id: 'worker-1', kind: 'worker', roles: ['rotating'], version: '1' } as never);
    await redis.hset('{spec}:processes', {
      old: '1 1 1 1 {}',
      ...Object.fromEntries(
        Array.from({ length: 600 }, (_, i) => [`gone-${i}`, `${START_MS + 14_000_000} ${START_MS} 1 1 {}`]),
      ),
    });
    await processes.beat({ id: 'worker-1', kind: 'worker', roles: ['rotating'], version: '1' } as never);
  },
};

/**
 * Where it reads an entry of its own choice, a script may go by that it cannot be read: what it does then is
 * in the spec of each.
 */
const DECIDES = [
  'recognise-ledger assistant',
  'recognise-ledger assistants',
  'recognise-ledger bulks',
  'recognise-ledger consumers',
  'recognise-ledger events',
  'recognise-ledger orgs',
  'recognise-ledger policies',
  'recognise-ledger rotations',
  'recognise-ledger seq',
  'bulk-claim assistant',
  'bulk-claim rotation',
  'commit assistant',
  'compare assistant',
  'fail-corrupt rotation',
  'find-orphans rotation',
  'org-adopt rotation',
];

/**
 * What no flow reaches: clocks that disagree, a closed request budget and what a process remembers, which
 * have specs of their own; and what only faults lead to.
 */
const UNREACHED = [
  "bulk-claim: if unknowns >= max_open then write('HSET', ledger, 'run_at:' .. org, now_text) end",
  "claim: if hold_back ~= '' and state == 'QUEUED' and code ~= hold_back then write('HSET', rotation, 'error', hold_back) end",
  "clock: if jump then write('HDEL', ledger, 'clock_jump') end",
  "clock: write('HSET', ledger, 'clock', int(now_ms))",
  "clock: write('HSET', ledger, 'clock_jump', jump)",
  "recognise-ledger: if holdings ~= '' then write('HSET', ledger, 'before', holdings) end",
  "recognise-ledger: if lost and holdings ~= '' then write('HSETNX', ledger, 'before', holdings) end",
  "scripts/call: if type(known) == 'number' and known < MAX_DAMAGED then redis.pcall('HSET', PREFIX .. ':damaged', key, failure) end",
  "scripts/call: local known = redis.pcall('HLEN', PREFIX .. ':damaged')",
  "scripts/call: redis.call('HSET', key, field, by)",
  "time/redis-time: local time = redis.call('TIME')",
];

describe('a script does all or nothing, whichever right, type or number fails it', () => {
  it.each(Object.keys(flows))(
    '%s',
    async (name) => {
      const before = faults.violations.length;
      await flows[name]!();
      expect(faults.violations.slice(before)).toEqual([]);
    },
    120_000,
  );

  it('answers otherwise only where it may', () => {
    const familyOf = (decision: string) =>
      /^([\w-]+) with (?:another type|nonsense) in {spec}:([\w-]+)/.exec(decision)!.slice(1).join(' ');
    expect([...new Set([...faults.decisions].map(familyOf))].toSorted()).toEqual(DECIDES.toSorted());
  });

  it('was tried at each place that reads or writes', () => {
    expect([...faults.scripts()].toSorted()).toEqual([...commandNames].toSorted());
    expect(faults.unreached().toSorted()).toEqual(UNREACHED.toSorted());
  });
});
