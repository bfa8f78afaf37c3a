import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { App, TcpProxy } from '@rekey/testing';
import { bulksOf, type Bulks } from './bulks.ts';
import { patternsOf } from './commands.ts';
import { expectTruth, untilQueuesAreEmpty } from './invariants.ts';
import { eventually, proxyTo, startSystem, type System } from './system.ts';

// The only worker is killed at each step of a bulk rotation, at a proxy, in the very chunk in which the step
// is made. All cases share a system; the worker that takes over in one is the one that is killed in the next.

const ASSISTANTS = 30;

let system: System;
let bulks: Bulks;
let redisProxy: TcpProxy & { url: string };
let upstreamProxy: TcpProxy & { url: string };
/** By what a command is recognised on the wire. */
let sent: Record<'draw' | 'claim' | 'commit' | 'endRange' | 'save' | 'giveBack', string[]>;
let worker: App;

const startWorker = () =>
  system.startWorker({ REDIS_URL: redisProxy.url, INVENT_BASE_URL: upstreamProxy.url });

beforeAll(async () => {
  const timing = {
    INVENT_TIMEOUT_MS: '500',
    REKEY_LANDING_WINDOW_MS: '600',
    REKEY_READ_LAG_MS: '100',
    REKEY_TAKEOVER_AFTER_MS: '1200',
  };
  system = await startSystem({
    simulator: ['--assistants', String(ASSISTANTS), '--latency-ms', '5'],
    worker: false,
    timing,
  });
  bulks = bulksOf(system);
  redisProxy = await proxyTo(system.redisServer.url);
  upstreamProxy = await proxyTo(system.environment['INVENT_BASE_URL']!);
  sent = {
    draw: patternsOf('bulk-draw'),
    claim: patternsOf('bulk-claim'),
    commit: patternsOf('commit'),
    endRange: patternsOf('bulk-end-range'),
    save: patternsOf('bulk-save-ids'),
    giveBack: patternsOf('return-to-bulk'),
  };
  worker = await startWorker();
});
afterAll(async () => {
  await redisProxy.close();
  await upstreamProxy.close();
  await system.stop();
});
afterEach(() => system.admin('DELETE', '/faults'));

/** How often the key of each assistant was changed by request so far. */
const changes = async (): Promise<Record<string, number>> => {
  const history: Record<string, { by: string }[]> = await system.admin('GET', '/history');
  return Object.fromEntries(
    Object.entries(history).map(([assistantId, all]) => [
      assistantId,
      all.filter(({ by }) => by === 'request').length,
    ]),
  );
};
/** How many keys that Rekey has asked for were published of each assistant so far. */
const keysPublished = async (): Promise<Record<string, number>> => {
  const own = Map.groupBy(
    (await system.versions()).filter(({ data }) => data.cause !== 'import'),
    ({ subject }) => subject,
  );
  return Object.fromEntries(
    [...own].map(([assistantId, versions]) => [
      assistantId,
      new Set(versions.map(({ data }) => data.fingerprint)).size,
    ]),
  );
};
const less = (after: Record<string, number>, before: Record<string, number>): Record<string, number> =>
  Object.fromEntries(
    Object.keys(after).map((assistantId) => [assistantId, after[assistantId]! - (before[assistantId] ?? 0)]),
  );

type Kill = () => Promise<void>;
const limited = { kind: 'failBefore', status: 429, retryAfter: '0' };

describe('a worker that is killed in a bulk rotation', () => {
  it.each<[string, { at: (kill: Kill) => Promise<void>; fault?: object; underWay?: true }]>([
    [
      'before the ids that it found reach the ledger',
      { at: (kill) => redisProxy.once(sent.save, 'before', kill) },
    ],
    ['before it draws assistants', { at: (kill) => redisProxy.once(sent.draw, 'before', kill) }],
    [
      'before its claim of some of them reaches the ledger',
      { at: (kill) => redisProxy.once(sent.claim, 'before', kill) },
    ],
    [
      'after its claim of some of them is made, before it hears of that',
      { at: (kill) => redisProxy.once(sent.claim, 'after', kill) },
    ],
    [
      'after its claim, before the requests reach upstream',
      { at: (kill) => upstreamProxy.once('POST /orgs', 'before', kill), underWay: true },
    ],
    [
      'after a request took effect, before it gets the answer',
      { at: (kill) => upstreamProxy.once('POST /orgs', 'after', kill), underWay: true },
    ],
    [
      'before a commit reaches the ledger',
      { at: (kill) => redisProxy.once(sent.commit, 'before', kill), underWay: true },
    ],
    [
      'after a commit, before it hears of that',
      { at: (kill) => redisProxy.once(sent.commit, 'after', kill), underWay: true },
    ],
    [
      'before it gives an assistant back',
      { at: (kill) => redisProxy.once(sent.giveBack, 'before', kill), fault: limited, underWay: true },
    ],
    [
      'after it has given an assistant back, before it hears of that',
      { at: (kill) => redisProxy.once(sent.giveBack, 'after', kill), fault: limited, underWay: true },
    ],
    [
      'before it ends what it drew',
      { at: (kill) => redisProxy.once(sent.endRange, 'before', kill), underWay: true },
    ],
    ['while it verifies', { at: (kill) => untilVerifying(kill) }],
  ])(
    '%s forgets nobody, and rotates again only where the answer was lost',
    async (_when, { at, fault, underWay }) => {
      const [changesBefore, publishedBefore] = [await changes(), await keysPublished()];
      if (fault) await system.admin('POST', '/faults', fault);
      const killed = at(() => worker.child.kill());
      const { id } = await bulks.create({ orgId: 'org_demo', allAssistants: true });
      await killed;
      worker = await startWorker();
      expect(await bulks.ended({ id })).toMatchObject({
        state: 'COMPLETED',
        counts: { total: ASSISTANTS, succeeded: ASSISTANTS },
        verification: { verified: ASSISTANTS, repaired: 0, unverified: 0 },
      });
      await untilQueuesAreEmpty(system);
      const changed = less(await changes(), changesBefore);
      expect(Object.values(changed).filter((times) => times < 1 || times > (underWay ? 2 : 1))).toEqual([]);
      // A key whose answer was lost may be older than the request: it was found and published before another
      // was asked for.
      expect(changed).toEqual(less(await keysPublished(), publishedBefore));
      await expectTruth(system);
    },
  );
});

const untilVerifying = async (kill: Kill): Promise<void> => {
  const verifying = async () =>
    (await system.client.listBulkRotations({ pageSize: 1 })).bulkRotations[0]?.state;
  await eventually(verifying, (state) => state === 'VERIFYING');
  await kill();
};
