import { noSweepCounts, type Consumer } from '@rekey/schema';
import { specRegistry } from '@rekey/testing';
import { START_MS, makeBulk, pass } from '../../bulks/bulk-fixture.ts';
import { ENVELOPE, SEALED, accept, claimed, key, ledger, lose, redis, rotate } from '../../ledger-fixture.ts';
import { consumersCommands } from '../../consumers/commands.generated.ts';
import { openLedger } from '../../open-ledger.ts';
import { createLedgerClock } from '../../time/ledger-clock.ts';
import { createRunner } from '../run.ts';
import { openEvents } from '../../events/events.ts';
import { connectLedger } from '../../connection.ts';
import type { Flows } from './flows-fixture.ts';

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

/** For specs only: steps through the rest of the ledger. */
export const systemFlows: Flows = {
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
  'several commits at once': async () => {
    const claims = [];
    for (const name of ['ast_1', 'ast_2', 'ast_3'])
      claims.push(await claimed(await accept({ assistantId: name })));
    await Promise.all(claims.map((claim) => ledger.assistants.commit(claim, key(`f${claim.assistantId}`))));
  },
  policies: async () => {
    const policies = openLedger(redis, { prefix: 'spec' }).policies;
    const { policy } = await policies.create('pol_1', policySpec, ['ast_1', 'ast_2']);
    await policies.create('pol_2', policySpec, ['ast_1', 'ast_2']);
    const { requestId: _, ...other } = policySpec;
    await policies.create('pol_3', other, ['ast_1']);
    await policies.begin(policy.id, START_MS);
    await policies.begin(policy.id, START_MS);
    await policies.update(policy, { everyDays: 30 });
    await policies.update(policy, { everyDays: 60 });
    await policies.setPaused(policy.id, true);
    await policies.setPaused(policy.id, true);
    await policies.begin(policy.id, START_MS + 1, { busy: true });
    await policies.setPaused(policy.id, false);
    await policies.begin(policy.id, START_MS + 1, { busy: true });
    await policies.begin(policy.id, START_MS + 1, { busy: true });
    await policies.noteBulk(policy.id, START_MS, 'blk_1');
    await policies.delete(policy.id);
    await policies.delete(policy.id).catch(() => {});
  },
  sweeps: async () => {
    const sweeps = openLedger(redis, { prefix: 'spec' }).sweeps;
    await sweeps.create('swp_1', undefined);
    await redis.hset('{spec}:sweep:swp_1', { created: 'x', updated: 'x', started: 'x', ended: 'x' });
    await sweeps.create('swp_2', undefined);
    await sweeps.begin('swp_1', 'run-1', 60_000);
    await sweeps.begin('swp_1', 'run-2', 60_000);
    await sweeps.save('swp_1', 'run-1', noSweepCounts, { leaseMs: 60_000 });
    await sweeps.save('swp_1', 'run-1', noSweepCounts, { end: 'SUCCEEDED' });
    await sweeps.create('swp_3', 'org_1');
    await sweeps.create('swp_after', undefined);
    await sweeps.begin('swp_after', 'run-3', 60_000);
    await sweeps.begin('swp_3', 'run-4', 60_000);
    await sweeps.save('swp_3', 'run-4', noSweepCounts, { end: 'SUCCEEDED' });
    await sweeps.create('swp_3b', 'org_1');
    await redis.zadd(
      '{spec}:sweeps',
      ...Array.from({ length: 1100 }, (_, i) => [0, `swp_${String(i).padStart(6, '0')}`]).flat(),
    );
    await sweeps.create('swp_4', 'org_2');
  },
  'requested sweeps': async () => {
    const { sweeps, policies } = openLedger(redis, { prefix: 'spec' });
    const request = (id: string, orgId: string) =>
      sweeps.create(id, orgId, { requested: true }).catch(() => {});
    for (let i = 0; i < 10; i += 1) await request(`swp_${i}`, `org_${i}`);
    await request('swp_full', 'org_full');
    await redis.del('{spec}:sweep:swp_3');
    await request('swp_room', 'org_room');
    await redis.del('{spec}:sweep:swp_4');
    await sweeps.queued();
    await sweeps.noteConfigured(['c', 'org_1'], START_MS);
    await request('swp_alias', 'org_alias');
    await redis.hset('{spec}:ledger', 'alias', 'org_alias');
    await policies.create('pol_1', policySpec, undefined);
    await redis.sadd('{spec}:orgs', 'org_published');
    await redis.del('{spec}:sweeps:QUEUED');
    await request('swp_unknown', 'org_unknown');
    await request('swp_policy', policySpec.orgId);
    await sweeps.begin('swp_0', 'run-0', 60_000);
    await sweeps.create('swp_all', undefined);
    await sweeps.begin('swp_all', 'run-1', 60_000);
    await sweeps.save('swp_0', 'run-0', noSweepCounts, { end: 'SUCCEEDED' });
    await sweeps.begin('swp_1', 'run-2', 60_000);
    await sweeps.begin('swp_all', 'run-1', 60_000);
  },
  'the stream of activity': async () => {
    const { activity } = openLedger(redis, { prefix: 'spec' });
    const list = (newestFirst: boolean) => activity.list({ size: 10, newestFirst, matches: () => true });
    await list(true);
    await activity.append({ type: 'freeze.set', by: 'local' });
    await redis.xadd('{spec}:activity', '*', 'x', 'y'.repeat(40_000));
    await list(true);
    await list(false);
  },
  'the stream of events': async () => {
    await rotate('f1');
    await redis.xadd('{spec}:events', '*', 'other', 'x');
    const events = openEvents(connectLedger(redis, 'spec'));
    await events.after('0-0');
    await events.last(2);
    await events.end();
    await events.records(['ast_1', 'ast_unknown']);
    const acknowledge = (proof?: string, runId?: string) =>
      events.acknowledge('billing', { ack: '{}', proof, runId }).catch(() => {});
    await acknowledge();
    await acknowledge('proof', await events.runId());
    await acknowledge('proof', 'another');
  },
  consumers: async () => {
    await rotate('f1');
    await redis.xadd('{spec}:acks', '5-0', 'ack', '{}');
    const commands = consumersCommands(createRunner(redis, '{spec}'));
    const acks = '{spec}:acks';
    await commands.acksRead({ stream: '', after: '1-0', before: '+', count: 10, chars: 100, longest: 10 });
    await commands.acksTrim({ acks, keep: 5, expireMs: 600_000 });
    await redis.set('{spec}:acks:billing', 'x');
    await commands.acksTrim({ acks: '{spec}:acks:billing', keep: 5, expireMs: 600_000 });
    const { consumers, registry } = openLedger(redis, { prefix: 'spec', registry: specRegistry });
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
    await redis.hset('{spec}:consumers', 'unlisted', 'x');
    await registry.look({ full: true });
    await redis.hdel('{spec}:consumers', 'unlisted');
  },
  'access tokens': async () => {
    const { tokens } = openLedger(redis, { prefix: 'spec', registry: specRegistry });
    const fields = {
      sha256: 'x'.repeat(43),
      role: 'viewer',
      orgs: ['org_1'],
      requestedBy: 'local',
      createdMs: Date.now(),
      expiresMs: Date.now() + 60_000,
    };
    await tokens.create('nightly', fields);
    await tokens.revoke('nightly');
  },
  'an archive': async () => {
    await rotate('f1');
    const { archive } = openLedger(redis, { prefix: 'spec' });
    await archive.read('events', { token: 'w', from: '-' });
    await archive.trim('events', { token: 'w', through: '0-0', keep: 100 });
    await archive.hold('w', 600_000, 'report');
    await archive.hold('other', 500_000);
    await redis.xadd('{spec}:activity', '*', 'type', 'a long text');
    await archive.read('activity', { token: 'w', from: '-', longest: 5 });
    await archive.read('events', { token: 'w', from: '+', back: true });
    await archive.trim('events', { token: 'w', through: '0-0', keep: 1 });
    await archive.trim('activity', { token: 'w', through: '0-0', keep: 0 });
    const last = (await redis.xrevrange('{spec}:activity', '+', '-', 'COUNT', 1))[0]![0];
    await archive.trim('activity', { token: 'w', through: last, keep: 0 });
    await redis.del('{spec}:archiving');
    await redis.rpush('{spec}:archiving', 'x');
    await archive.hold('w', 600_000);
  },
  'consumers that another client has changed': async () => {
    await rotate('f1');
    const { consumers } = openLedger(redis, { prefix: 'spec', registry: specRegistry });
    await consumers.write('billing', undefined, consumer);
    const { registry } = openLedger(redis, { prefix: 'spec', registry: specRegistry });
    const others = Array.from({ length: 1000 }, (_, i) => [`other-${i}`, 'x']);
    await redis.hset('{spec}:consumers', Object.fromEntries(others));
    await registry.look({ full: true });
    await redis.del('{spec}:consumers');
    await redis.set('{spec}:consumers', 'x');
    await registry.look({ full: true });
    await redis.del('{spec}:consumers');
  },
  'the indexes of assistants': async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    await lose({ assistantId: 'ast_3' });
    await rotate('f3', { assistantId: 'ast_4' });
    await lose({ assistantId: 'ast_4' });
    await redis.zadd('{spec}:assistants:org_1', START_MS, 'ast_gone');
    await redis.zadd('{spec}:index:id:org_1', 0, 'ast_gone');
    await redis.zrem('{spec}:index:age:org_1', 'ast_1');
    await redis.hset('{spec}:assistant:ast_2', 'rotated', 'x', 'entry', 'x', 'known', '5');
    const { index, list } = openLedger(redis, { prefix: 'spec' }).listing;
    for (const filter of [{ order: 'id' }, { uncertain: true }, { keyBeforeMs: 1e14 }] as const)
      await list({ orgIds: ['org_1', 'c'], order: 'oldest-key', ...filter }, { size: 10 });
    for (const checkEveryMs of [1, 0])
      await index.keep({ token: 'w', signal: AbortSignal.timeout(60_000), idle: 0, checkEveryMs });
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
    await budget.returnProbe();
    await budget.open();
  },
  'an org whose alias becomes known': async () => {
    await rotate('f1', { orgId: 'c' });
    await lose({ orgId: 'c', assistantId: 'ast_4' });
    await ledger.rotations.noteUnknown(
      await claimed(await accept({ orgId: 'c', assistantId: 'ast_5' })),
      { readInMs: 0, holdMs: 0 },
      SEALED,
    );
    await redis.hset('{spec}:ledger', 'drift:c', 3, 'drift_at:c', START_MS, 'redis_run', 'x');
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
    await redis.zadd('{spec}:changes:c', START_MS, 'ast_1');
    await ledger.orgs.hold('c', { code: 'KEYS_NOT_SHOWN', affected: 1, known: 1 });
    await openLedger(redis, { prefix: 'spec' }).sweeps.create('swp_1', 'c');
    await redis.hset('{spec}:known', 'c', 5);
    const alias = openLedger(redis, { prefix: 'spec', registry: specRegistry }).alias;
    await alias.note('org_1', 'learned');
    await alias.adoptRotations('');
    await pass(1000);
    await alias.page(0, 10);
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
    await system.unfreeze();
    await system.unfreeze();
    await system.freeze('why');
    await system.status();
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
