import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inCheck, type App, type TcpProxy } from '@rekey/testing';
import { bulksOf, type Bulks } from './bulks.ts';
import { patternsByName, startCrashSystem, type CrashSystem } from '../support/crash-system.ts';
import { expectTruth, untilQueuesAreEmpty } from '../support/invariants.ts';
import { eventually, type System } from '../support/system.ts';

// A proxy kills the only worker at each step of a bulk rotation, in the chunk that contains the step's
// command. All cases share a system: the worker that takes over in one case is killed in the next.

const ASSISTANTS = 30;

let system: System;
let bulks: Bulks;
let redisProxy: TcpProxy;
let upstreamProxy: TcpProxy;
let startWorker: CrashSystem['startWorker'];
let stop: CrashSystem['stop'];
/** The texts by which a proxy recognises a command. */
let patterns: Record<'draw' | 'claim' | 'commit' | 'endRange' | 'save' | 'returnToBulk', string[]>;
let worker: App;

beforeAll(async () => {
  ({ system, redisProxy, upstreamProxy, startWorker, stop } = await startCrashSystem({
    simulator: ['--assistants', String(ASSISTANTS), '--latency-ms', '5'],
  }));
  bulks = bulksOf(system);
  patterns = patternsByName({
    draw: 'bulk-draw',
    claim: 'bulk-claim',
    commit: 'commit',
    endRange: 'bulk-end-range',
    save: 'bulk-save-ids',
    returnToBulk: 'return-to-bulk',
  });
  worker = await startWorker();
});
afterAll(() => stop());
afterEach(() => system.admin('DELETE', '/faults'));

/** How often a request has changed the key of each assistant so far. */
const changes = async (): Promise<Record<string, number>> => {
  const history: Record<string, { by: string }[]> = await system.admin('GET', '/history');
  return Object.fromEntries(
    Object.entries(history).map(([assistantId, all]) => [
      assistantId,
      all.filter(({ by }) => by === 'request').length,
    ]),
  );
};
/** How many keys that Rekey requested were published for each assistant so far. */
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
const difference = (after: Record<string, number>, before: Record<string, number>): Record<string, number> =>
  Object.fromEntries(
    Object.keys(after).map((assistantId) => [assistantId, after[assistantId]! - (before[assistantId] ?? 0)]),
  );

type Kill = () => Promise<void>;
const limited = { kind: 'failBefore', status: 429, retryAfter: '0' };

const IN_CHECK = [
  'before the listed ids reach the ledger',
  'after its claim is made, before it gets the reply',
  'after a request took effect, before it gets the response',
  'after a commit, before it gets the reply',
  'before it returns an assistant to the bulk',
  'while it verifies',
];

describe('a worker killed during a bulk rotation', () => {
  const points: [when: string, { at: (kill: Kill) => Promise<void>; fault?: object; underWay?: true }][] = [
    [
      'before the listed ids reach the ledger',
      { at: (kill) => redisProxy.once(patterns.save, 'before', kill) },
    ],
    ['before it draws assistants', { at: (kill) => redisProxy.once(patterns.draw, 'before', kill) }],
    [
      'before its claim of assistants reaches the ledger',
      { at: (kill) => redisProxy.once(patterns.claim, 'before', kill) },
    ],
    [
      'after its claim is made, before it gets the reply',
      { at: (kill) => redisProxy.once(patterns.claim, 'after', kill) },
    ],
    [
      'after its claim, before the requests reach upstream',
      { at: (kill) => upstreamProxy.once('POST /orgs', 'before', kill), underWay: true },
    ],
    [
      'after a request took effect, before it gets the response',
      { at: (kill) => upstreamProxy.once('POST /orgs', 'after', kill), underWay: true },
    ],
    [
      'before a commit reaches the ledger',
      { at: (kill) => redisProxy.once(patterns.commit, 'before', kill), underWay: true },
    ],
    [
      'after a commit, before it gets the reply',
      { at: (kill) => redisProxy.once(patterns.commit, 'after', kill), underWay: true },
    ],
    [
      'before it returns an assistant to the bulk',
      {
        at: (kill) => redisProxy.once(patterns.returnToBulk, 'before', kill),
        fault: limited,
        underWay: true,
      },
    ],
    [
      'after it returned an assistant to the bulk, before it gets the reply',
      { at: (kill) => redisProxy.once(patterns.returnToBulk, 'after', kill), fault: limited, underWay: true },
    ],
    [
      'before it ends its range',
      { at: (kill) => redisProxy.once(patterns.endRange, 'before', kill), underWay: true },
    ],
    ['while it verifies', { at: (kill) => untilVerifying(kill) }],
  ];
  it.each(inCheck(IN_CHECK, points))(
    '%s: no assistant is forgotten, and only those whose response was lost are rotated twice',
    async (_when, { at, fault, underWay }) => {
      const [changesBefore, publishedBefore] = [await changes(), await keysPublished()];
      if (fault) await system.admin('POST', '/faults', fault);
      const killed = at(() => worker.child.kill());
      // On a busy machine, requests may take too long besides.
      const maxFailures = { percent: 100 };
      const { id } = await bulks.create({ orgId: 'org_demo', allAssistants: true, maxFailures });
      await killed;
      worker = await startWorker();
      expect(await bulks.ended({ id })).toMatchObject({
        state: 'COMPLETED',
        counts: { total: ASSISTANTS, succeeded: ASSISTANTS },
        verification: { verified: ASSISTANTS, repaired: 0, unverified: 0 },
      });
      await untilQueuesAreEmpty(system);
      const changed = difference(await changes(), changesBefore);
      expect(Object.values(changed).filter((times) => times < 1 || times > (underWay ? 2 : 1))).toEqual([]);
      // A key whose response was lost may be older than the request: Rekey found and published it before it
      // requested another one.
      expect(changed).toEqual(difference(await keysPublished(), publishedBefore));
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
