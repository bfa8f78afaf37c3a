import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ActivityRecord,
  activityFields,
  noSweepCounts,
  type ActivityType,
  type Consumer,
  type PolicySpec,
  type SweepCounts,
} from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { openBulksOn, startAnew } from '../../bulks/bulk-fixture.ts';
import { connectSimulated, ledger } from '../../ledger-fixture.ts';
import { bulkFlows } from '../../scripts/faults/bulk-flows-fixture.ts';
import type { Flows } from '../../scripts/faults/flows-fixture.ts';
import { rotationFlows } from '../../scripts/faults/rotation-flows-fixture.ts';
import { takeSnapshot } from '../../scripts/faults/snapshot-fixture.ts';
import { systemFlows } from '../../scripts/faults/system-flows-fixture.ts';
import { activityOfChange } from './changes-fixture.ts';
import { activityOfCommands } from './commands-fixture.ts';

const POLICY: PolicySpec = {
  orgId: 'org_1',
  reason: '',
  everyDays: 90,
  window: { cron: '0 3 * * *', timeZone: 'UTC', lengthMs: 3_600_000 },
  maxFailures: { percent: 1 },
};
const CONSUMER = {
  name: 'billing',
  orgs: ['org_1'],
  state: 'PENDING',
  created_at: new Date(0).toISOString(),
  key: { kty: 'EC', kid: 'k' },
} as unknown as Consumer;

let server: RedisServer;
let redis: Redis;
let admin: Redis;

/** Calls whose records are not those of their change. */
const differing: { name: string; records: string[]; change: string[] }[] = [];
const recorded = new Set<string>();

/** Compares, of each call of a command, the records that it appends with what it changes. */
const watchCalls = (watched: Redis): void => {
  let turn: Promise<unknown> = Promise.resolve();
  const define = watched.defineCommand.bind(watched);
  watched.defineCommand = (command, definition) => {
    define(command, definition);
    const scripted = watched as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const run = scripted[command]!;
    scripted[command] = (...args) => {
      const done = turn.then(async () => {
        const before = await takeSnapshot(admin);
        const length = await admin.xlen('{spec}:activity');
        const reply = await run.apply(watched, args).catch((error: unknown) => ({ error }));
        const after = await takeSnapshot(admin);
        const entries = (await admin.xrange('{spec}:activity', '-', '+')).slice(length);
        const records = entries.map(([, fields]) => {
          const names = fields.filter((_, i) => i % 2 === 0);
          expect(activityFields).toEqual(expect.arrayContaining(names));
          return ActivityRecord.parse(Object.fromEntries(names.map((name, i) => [name, fields[2 * i + 1]])));
        });
        note(command.replace('rekey:', ''), args.flat().map(String), records, { before, after });
        if (typeof reply === 'object' && reply !== null && 'error' in reply) throw reply.error;
        return reply;
      });
      turn = done.catch(() => {});
      return done;
    };
  };
};
const note = (
  name: string,
  args: string[],
  entries: ActivityRecord[],
  snapshots: Pick<Parameters<typeof activityOfChange>[0], 'before' | 'after'>,
): void => {
  const records = entries.map(({ type }) => type).toSorted();
  for (const type of records) recorded.add(type);
  const change = activityOfChange({ name, args, ...snapshots });
  if (records.join() !== change.join()) differing.push({ name, records, change });
};

beforeAll(async () => {
  server = await startRedis();
  redis = connectSimulated(server.url);
  admin = new Redis(server.url);
  watchCalls(redis);
  openBulksOn(server.url, redis);
});
afterAll(async () => {
  redis.disconnect();
  admin.disconnect();
  await server.dispose();
});
beforeEach(startAnew);

const moreFlows: Flows = {
  'a policy that is updated, also with what it has': async () => {
    const { policy } = await ledger.policies.create('pol_1', POLICY, undefined);
    for (const reason of ['audit', 'audit', 'x'.repeat(1024), 'y'.repeat(1024), ''])
      await ledger.policies.update(policy, { reason });
  },
  'sweeps that fail, or find drift': async () => {
    const { sweeps, orgs } = ledger;
    const end = async (
      id: string,
      counts: Partial<SweepCounts>,
      options: Parameters<typeof sweeps.save>[3],
    ) => {
      await sweeps.create(id, 'org_1');
      await sweeps.begin(id, 'run', 60_000);
      await sweeps.save(id, 'run', { ...noSweepCounts, ...counts }, options);
      await sweeps.save(id, 'run', { ...noSweepCounts, ...counts }, options);
    };
    await end('swp_1', {}, { end: 'FAILED', errorCode: 'ORG_NOT_CONFIGURED' });
    await end('swp_2', { adopted: 2 }, { end: 'SUCCEEDED' });
    await orgs.hold('org_1', { code: 'TOO_MANY_GONE', affected: 3, known: 5 });
    await orgs.endSweep('org_1');
    await orgs.endSweep('org_1');
  },
  'a consumer from its beginning to its end': async () => {
    const { consumers, registry } = ledger;
    const seen = async () => (await consumers.get('billing'))!;
    const write = async (more: Partial<Consumer>) => {
      const before = await seen();
      return consumers.write('billing', before, { ...before.consumer, ...more });
    };
    await consumers.write('billing', undefined, CONSUMER);
    await write({ grant: 'sealed', state: 'ENROLLING' });
    await write({ state: 'ACTIVE' });
    await write({ orgs: ['org_1', 'org_2'] });
    const [candidate] = await registry.trust.candidates();
    await registry.trust.accept([{ name: 'billing', digest: candidate!.digest }], { keepGrants: true });
    await consumers.write('billing', await seen(), undefined);
  },
};

const flows: Flows = { ...rotationFlows, ...bulkFlows, ...systemFlows, ...moreFlows };

describe('each change has its record, and each record its change', () => {
  it.each(Object.keys(flows))('%s', async (name) => {
    differing.length = 0;
    await flows[name]!();
    expect(differing).toEqual([]);
  });

  it('has met each type', () => {
    const types = Object.values(activityOfCommands).flatMap((row) => (typeof row === 'string' ? [] : row));
    const missing = [...new Set<ActivityType>(types)].filter((type) => !recorded.has(type));
    expect(missing).toEqual([]);
  });
});
