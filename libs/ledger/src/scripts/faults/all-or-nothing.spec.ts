import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { openBulksOn, startAnew } from '../../bulks/bulk-fixture.ts';
import { commandNames } from '../load.ts';
import { bulkFlows } from './bulk-flows-fixture.ts';
import { connectUnderFaults, type Faults } from './fault-fixture.ts';
import type { Flows } from './flows-fixture.ts';
import { rotationFlows } from './rotation-flows-fixture.ts';
import { systemFlows } from './system-flows-fixture.ts';

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

/**
 * Steps through the whole ledger. Each script call in them is rehearsed under every fault: see
 * fault-fixture.ts.
 */
const flows: Flows = { ...rotationFlows, ...bulkFlows, ...systemFlows };

/**
 * A script that reads an entry of its own choice may decide by the fact that it cannot be read. The spec of
 * each shows what it does then.
 */
const DECIDES = [
  'accept rotation',
  'acks-trim acks',
  'archive-hold archiving',
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
  'bulk-draw bulk',
  'bulk-mend bulk',
  'bulk-mend rotation',
  'claim assistant',
  'claim events',
  'claim rotation',
  'claim seq',
  'commit assistant',
  'compare assistant',
  'fail-corrupt rotation',
  'find-orphans rotation',
  'index-assistants assistant',
  'index-assistants index',
  'org-adopt rotation',
  'sweep-begin sweeping',
  'sweep-begin sweeps',
  'sweep-create sweep',
  'sweep-create sweeps',
];

/**
 * Sites that no flow reaches: clocks that disagree, a closed request budget and what a process knows, which
 * have their own specs; and sites that only faults reach.
 */
const UNREACHED = [
  "activity/record: redis.pcall('DEL', PREFIX .. ':activity')",
  "activity/record: redis.pcall('XADD', PREFIX .. ':activity', '*', unpack(record))",
  "activity/record: write('HSET', PREFIX .. ':ledger', 'activity_replaced', now_ms)",
  "assistants/post-response: if is_spoilt then write('DEL', PREFIX .. ':answers') end",
  "bulk-claim: if unknowns >= max_open then write('HSET', ledger, 'run_at:' .. org, now_text) end",
  "claim: write('HSET', rotation, 'error', hold_back)",
  "clock: if jump then write('HDEL', ledger, 'clock_jump') end",
  "clock: write('HSET', ledger, 'clock', int(now_ms))",
  "clock: write('HSET', ledger, 'clock_jump', jump)",
  "orgs/unknown-orgs: count = read('HLEN', ledger) + 1",
  "orgs/unknown-orgs: local facts = read('HGETALL', ledger)",
  "orgs/unknown-orgs: write('HDEL', ledger, 'run:' .. found[i].org, 'run_at:' .. found[i].org)",
  "orgs/unknown-orgs: write('HSET', ledger, 'run_counted', int(count))",
  "recognise-ledger: if holdings ~= '' then write('HSET', ledger, 'before', holdings) end",
  "recognise-ledger: if lost and holdings ~= '' then write('HSETNX', ledger, 'before', holdings) end",
  "scripts/event: entry = redis.call('XADD', PREFIX .. ':events', 'MAXLEN', '~', keep, '*', 'event', event)",
  "scripts/event: redis.call('DEL', PREFIX .. ':events')",
  "scripts/event: write('HSET', PREFIX .. ':ledger', 'events_replaced', int(math.floor(now_us() / 1000)))",
  "scripts/call: redis.pcall('HSET', PREFIX .. ':damaged', key, failure)",
  "scripts/call: local known = redis.pcall('HLEN', PREFIX .. ':damaged')",
  "scripts/call: redis.call('HSET', key, field, by)",
  "sweep-begin: if is_spoilt then write('DEL', lock) end",
  "sweep-create: if is_spoilt then write('DEL', queued) end",
  "system/request-ids: if room.is_spoilt then write('DEL', counts) end",
  "system/request-ids: write('HDEL', counts, unpack(room.gone, i, math.min(i + 999, #room.gone)))",
  "time/redis-time: local time = redis.call('TIME')",
];

describe('a script does all or nothing, whichever right, type or number fails', () => {
  it.each(Object.keys(flows))(
    '%s',
    async (name) => {
      const before = faults.violations.length;
      await flows[name]!();
      expect(faults.violations.slice(before)).toEqual([]);
    },
    120_000,
  );

  it('has another reply only where that is allowed', () => {
    const familyOf = (decision: string) =>
      /^([\w-]+) with (?:another type|nonsense) in {spec}:([\w-]+)/.exec(decision)!.slice(1).join(' ');
    expect([...new Set([...faults.decisions].map(familyOf))].toSorted()).toEqual(DECIDES.toSorted());
  });

  it('was tried at each place that reads or writes', () => {
    expect([...faults.scripts()].toSorted()).toEqual([...commandNames].toSorted());
    expect(faults.unreached().toSorted()).toEqual(UNREACHED.toSorted());
  });
});
