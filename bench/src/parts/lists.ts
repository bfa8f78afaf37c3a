import type { AssistantFilter, RekeyClient } from '@rekey/client';
import { openLedger } from '@rekey/ledger';
import { readCallTimes, timesBetween } from '../system/call-times.ts';
import { register } from '../system/consumer.ts';
import { peakRssBytes, percentile, redisCpuSeconds, redisUsedBytes } from '../system/measure.ts';
import { ORG, startSystem, type System } from '../system/system.ts';
import { bold, table, whole } from '../system/table.ts';
import type { Part } from './part.ts';

const ASSISTANTS = 1_000_000;
const AT_ONCE = 10_000;
const PAGES = 1000;
/** V8 compiles the code of the gateway and of the client until then; and before each kind of list. */
const WARM_UP = 2000;
const WARM_UP_EACH = 50;
const PAGE = 100;
const TARGET_MS = 5;
const DAY_MS = 86_400_000;
const WITH_HISTORY = 20_000;
const MAX_VERSIONS = 20;

/** Assistants as commits leave them, without records, which lists do not read. A third has no known age. */
const FILL = `
local org, from, to, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = from, to do
  local id = 'ast_' .. string.format('%07d', i)
  local known = string.format('%.0f', now - (i * 7919) % 31536000000)
  local fields = { 'version', known .. '000', 'fingerprint', 'KEYIDKEY:' .. string.rep('f', 36) ..
    string.format('%07d', i), 'seq', i, 'known', known, 'verified', known, 'superseded', '', 'org', org,
    'entry', known .. '-0', 'since', known, 'epoch', known .. '000', 'intent', known, 'intent_epoch',
    known .. '000', 'lands', known, 'lease', known }
  if i % 3 ~= 0 then
    fields[#fields + 1] = 'rotated'
    fields[#fields + 1] = known
  end
  if i % 1000 == 0 then
    fields[#fields + 1] = 'uncertain'
    fields[#fields + 1] = i
  end
  redis.call('HSET', '{rekey}:assistant:' .. id, unpack(fields))
  redis.call('ZADD', '{rekey}:assistants:' .. org, known, id)
end
redis.call('SADD', '{rekey}:orgs', org)`;

/** The indexes of those, as `index-assistants` makes them. */
const INDEX = `
local org, from, to, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = from, to do
  local id = 'ast_' .. string.format('%07d', i)
  local known = now - (i * 7919) % 31536000000
  redis.call('ZADD', '{rekey}:index:id:' .. org, 0, id)
  redis.call('ZADD', '{rekey}:index:change:' .. org, known, id)
  redis.call('ZADD', '{rekey}:index:age:' .. org, i % 3 ~= 0 and known or known - 10000000000000, id)
  if i % 1000 == 0 then redis.call('ZADD', '{rekey}:index:uncertain:' .. org, 0, id) end
end
redis.call('HSET', '{rekey}:index', 'complete', now, 'passed', now)`;

const HISTORY = `
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('LPUSH', '{rekey}:versions:ast_' .. string.format('%07d', i), ARGV[3])
end`;
const VERSION = '1764444444444444 rk 84 01KB0000000000000000000000 - jwt:https://idp.example.com#svc-billing';

const fill = async ({ redis }: System, lua: string, nowMs: number): Promise<void> => {
  for (let from = 1; from <= ASSISTANTS; from += AT_ONCE)
    await redis.eval(lua, 0, ORG, from, from + AT_ONCE - 1, nowMs);
};

const ORGS = 10_000;
const CHECKS = 5;

/** Orgs with an assistant each, of which the check of a worker reads sizes and no entry. */
const ADD_ORGS = `
for i = 1, tonumber(ARGV[1]) do
  local org = 'org_' .. i
  redis.call('SADD', '{rekey}:orgs', org)
  redis.call('ZADD', '{rekey}:assistants:' .. org, 0, 'x')
  for _, name in ipairs({ 'id', 'age', 'change' }) do
    redis.call('ZADD', '{rekey}:index:' .. name .. ':' .. org, 0, 'x')
  end
end`;

/** What the check of the indexes costs, which one of the workers makes each minute. */
const measureCheck = async ({ redis }: System): Promise<string> => {
  await redis.eval(ADD_ORGS, 0, ORGS);
  const { index } = openLedger(redis, { prefix: 'rekey' }).listing;
  const before = await redisCpuSeconds(redis);
  const start = performance.now();
  for (let i = 0; i < CHECKS; i += 1) {
    const pass = await index.keep({ token: 'bench', signal: AbortSignal.timeout(60_000), checkEveryMs: 0 });
    if (pass || !(await index.isComplete())) throw new Error('the indexes are not complete');
  }
  const ms = (performance.now() - start) / CHECKS;
  const redisMs = (1000 * ((await redisCpuSeconds(redis)) - before)) / CHECKS;
  return table(
    [`the check of the indexes of ${whole(ORGS)} orgs, once a minute`, 'ms', 'Redis CPU ms'],
    [['one worker for all', ms.toFixed(0), redisMs.toFixed(0)]],
  );
};

/** Bytes of Redis, divided by the count. */
const bytesOf = async ({ redis }: System, count: number, work: () => Promise<unknown>): Promise<number> => {
  const before = await redisUsedBytes(redis);
  await work();
  return ((await redisUsedBytes(redis)) - before) / count;
};

/** The times of pages, one after the other, in ms; from the first page on, and again after the last one. */
const timePages = async (client: RekeyClient, filter: AssistantFilter, pages: number): Promise<number[]> => {
  const times: number[] = [];
  let pageToken = '';
  for (let i = 0; i < pages; i += 1) {
    const start = performance.now();
    const page = await client.listAssistants({ orgId: ORG, ...filter, pageSize: PAGE, pageToken });
    times.push(performance.now() - start);
    if (page.incomplete) throw new Error('the indexes are not complete');
    pageToken = page.nextPageToken ?? '';
  }
  return times;
};

/** Pages as the gateway measures them, from the arrival of a call to its status, and as the client does. */
const measurePages = async (
  { app, client }: Awaited<ReturnType<System['startGateway']>>,
  filter: AssistantFilter,
): Promise<string[]> => {
  const read = () => readCallTimes(app.ready['health_address']!, 'ListAssistants');
  await timePages(client, filter, WARM_UP_EACH);
  const before = await read();
  const times = await timePages(client, filter, PAGES);
  const { meanMs, percentileMs, withinLimit } = timesBetween(before, await read(), {
    share: 0.99,
    limitMs: TARGET_MS,
  });
  return [
    meanMs.toFixed(2),
    bold(percentileMs.toFixed(1)),
    `≤ ${TARGET_MS}`,
    `${(100 * withinLimit).toFixed(1)} %`,
    percentile(times, 0.5).toFixed(2),
    percentile(times, 0.99).toFixed(2),
  ];
};

const CONSUMER = 'bench';
const FILTERS: Record<string, AssistantFilter> = {
  'by id': { order: 'ID' },
  'by id, from the middle': { order: 'ID', idPrefix: 'ast_05' },
  'oldest key first': { order: 'OLDEST_KEY' },
  'newest key first': { order: 'NEWEST_KEY' },
  'last change first': { order: 'LAST_CHANGE' },
  'older than 90 days': { olderThanMs: 90 * DAY_MS },
  'uncertain (1 in 1000)': { uncertain: true },
  'not acknowledged by a consumer': { notAcknowledgedBy: CONSUMER },
  'a search, oldest key first (1 in 10, checked)': { idPrefix: 'ast_05', order: 'OLDEST_KEY' },
  'older than 300 days, by id (2 in 5, checked)': { olderThanMs: 300 * DAY_MS, order: 'ID' },
  'uncertain, by age (1 in 1000, checked; 1000 examined a page)': { uncertain: true, order: 'OLDEST_KEY' },
};

/** Pages of a list of a million assistants. */
export const lists: Part = async (_size, progress) => {
  const system = await startSystem({ assistants: 1 });
  const gateway = await system.startGateway({ GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0' });
  const { app, client, stop } = gateway;
  // Only to verify the consumer: later it would check and sweep.
  const [worker] = await system.startWorkers(1);
  await register(system, client, CONSUMER);
  await worker!.child.stop();
  const nowMs = Date.now();
  progress('lists: assistants');
  const assistantBytes = await bytesOf(system, ASSISTANTS, () => fill(system, FILL, nowMs));
  progress('lists: indexes');
  const indexBytes = await bytesOf(system, ASSISTANTS, () => fill(system, INDEX, nowMs));
  const addVersion = () => system.redis.eval(HISTORY, 0, 1, WITH_HISTORY, VERSION);
  const firstVersion = await bytesOf(system, WITH_HISTORY, addVersion);
  const further = await bytesOf(system, WITH_HISTORY * (MAX_VERSIONS - 1), async () => {
    for (let i = 1; i < MAX_VERSIONS; i += 1) await addVersion();
  });
  progress('lists: warm-up');
  await timePages(client, { order: 'ID' }, WARM_UP);
  const rows: string[][] = [];
  for (const [name, filter] of Object.entries(FILTERS)) {
    progress(`lists: ${name}`);
    rows.push([name, ...(await measurePages(gateway, filter))]);
  }
  const gatewayMb = peakRssBytes(app.child.pid) / 1e6;
  progress('lists: the check');
  const check = await measureCheck(system);
  await stop();
  await system.stop();
  const latency = table(
    [
      `a page of ${PAGE} of ${whole(ASSISTANTS)} assistants`,
      'gateway: mean ms',
      'gateway: p99 ms',
      'target',
      `gateway: within ${TARGET_MS} ms`,
      'client: p50 ms',
      'client: p99 ms',
    ],
    rows,
  );
  const memory = table(
    ['bytes of Redis', 'each'],
    [
      ['an assistant without its record, before', whole(assistantBytes)],
      ['its entries in the indexes', whole(indexBytes)],
      ['its first version in the history', whole(firstVersion)],
      ['each further version', whole(further)],
    ],
  );
  return `${latency}\n\nThe gateway took ${whole(gatewayMb)} MB at most.\n\n${memory}\n\n${check}`;
};
