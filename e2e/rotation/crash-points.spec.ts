import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRotationQueue, openLedger } from '@rekey/ledger';
import { inCheck, type App, type TcpProxy } from '@rekey/testing';
import { READ_LAG_MS, patternsByName, startCrashSystem, type CrashSystem } from '../support/crash-system.ts';
import { failureOf } from '../support/failure-of.ts';
import { expectTruth, untilQueuesAreEmpty } from '../support/invariants.ts';
import { connect, eventually, proxyTo, type System } from '../support/system.ts';

// A proxy kills a process at each step between accept and commit, in the chunk that contains the step's
// command. All cases share a system: the worker that takes over in one case is killed in the next.

let system: System;
let redisProxy: TcpProxy;
let upstreamProxy: TcpProxy;
let startWorker: CrashSystem['startWorker'];
let stop: CrashSystem['stop'];
/** The texts by which a proxy recognises a command. */
let patterns: Record<'accept' | 'claim' | 'commit' | 'unknown' | 'settle' | 'release' | 'fail', string[]>;
let worker: App;
let next = 0;

beforeAll(async () => {
  ({ system, redisProxy, upstreamProxy, startWorker, stop } = await startCrashSystem());
  patterns = patternsByName({
    accept: 'accept',
    claim: 'claim',
    commit: 'commit',
    unknown: 'note-unknown',
    settle: 'settle',
    release: 'release',
    fail: 'fail',
  });
  worker = await startWorker();
});
afterAll(() => stop());
afterEach(() => system.admin('DELETE', '/faults'));

/** Publishes a key of an assistant that no other case uses. */
const published = async (): Promise<string> => {
  const id = `ast_${(next += 1)}`;
  await system.rotateAndWait(id);
  // Reads may lag: an earlier one proves nothing.
  await sleep(READ_LAG_MS);
  return id;
};
const rotationsOf = async (assistantId: string): Promise<number> =>
  (await system.admin('GET', `/assistants/${assistantId}`)).rotations;
const versionsOf = async (assistantId: string) =>
  (await system.versions()).filter(({ subject }) => subject === assistantId);

/** Connects a client to a gateway, once the gateway has reached Redis. */
const connected = async (gateway: App) => {
  const client = connect(gateway.ready['address']!);
  await eventually(
    () =>
      client.getStatus().then(
        () => true,
        () => false,
      ),
    (serves) => serves,
  );
  return client;
};

describe('a gateway killed', () => {
  const BULL_KEYS = '{rekey}:bull:rotations:';

  it.each([
    [
      'after the rotation is recorded, before it gets the reply',
      (gateway: TcpProxy) => [gateway, patterns.accept, 'after'] as const,
    ],
    ['before the job reaches the queue', (gateway: TcpProxy) => [gateway, BULL_KEYS, 'before'] as const],
    [
      'after the job is queued, before it responds',
      (gateway: TcpProxy) => [gateway, BULL_KEYS, 'after'] as const,
    ],
  ])('%s has accepted the rotation, which happens once', async (_when, point) => {
    const assistantId = await published();
    const gatewayProxy = await proxyTo(system.redisServer.url);
    const gateway = await system.startGateway({ REDIS_URL: gatewayProxy.url });
    const client = await connected(gateway);
    const request = { orgId: 'org_demo', assistantId, requestId: randomUUID() };
    const [proxy, pattern, when] = point(gatewayProxy);
    const killed = proxy.once(pattern, when, async () => {
      await eventually(
        () => system.redis.exists(`{rekey}:request:${request.requestId}`),
        (there) => there === 1,
      );
      await gateway.child.kill();
    });
    // The client's error: one of Rekey's would have a reason.
    expect(await failureOf(client.rotateSecretKey(request))).toMatchObject({
      code: 'UNAVAILABLE',
      reason: undefined,
    });
    await killed;
    client.close();
    await gatewayProxy.close();

    await eventually(
      () => versionsOf(assistantId),
      ({ length }) => length === 2,
    );
    const again = await connected(await system.startGateway());
    const rotation = await again.rotateSecretKey(request);
    again.close();
    expect(rotation).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION' });
    await untilQueuesAreEmpty(system);
    expect(await rotationsOf(assistantId)).toBe(2);
    await expectTruth(system);
  });
});

interface CrashPoint {
  /** The fault of the POST upstream. */
  fault?: object;
  /**
   * Whether Rekey reads the key between the request for the rotation and its POST. It then knows that another
   * key is younger.
   */
  seen?: true;
  /** Kills the worker at a step. Resolves when it is dead. */
  at: (c: {
    assistantId: string;
    state: (wanted: string) => Promise<unknown>;
    kill: () => Promise<void>;
  }) => Promise<void>;
  ends?: object;
  /** How often the key has changed upstream in all. */
  changes?: number;
}

const lost = { kind: 'loseResponseAfterCommit' };
const unavailable = { kind: 'failBefore', status: 500 };
const limited = { kind: 'failBefore', status: 429, retryAfter: '1' };
const gone = { kind: 'failBefore', status: 404 };
const rotated = { state: 'SUCCEEDED', cause: 'ROTATION' };
const readBack = { state: 'SUCCEEDED', cause: 'RECONCILIATION' };
const failed = { state: 'FAILED', error: expect.objectContaining({ reason: 'ASSISTANT_NOT_FOUND' }) };
const POST = 'POST /orgs';
const GET = 'GET /orgs';

/** One on each side of what a rotation writes and sends. The others are trials, and the model's. */
const IN_CHECK = [
  'after it took the job, before its claim reaches the ledger',
  'after its claim, before the request reaches upstream',
  'after the request reached upstream, where it takes effect later',
  'after the request took effect, before it gets the response',
  'after the response, before its commit reaches the ledger',
  'after its commit, before it gets the reply',
  'after it recorded that the outcome is unknown',
  'before the commit of its read reaches the ledger',
  'after the window, with the key found and published, before the next claim',
  'after a refusal, before it returns the rotation to the queue',
  'before a failure reaches the ledger',
];

describe('a worker killed', () => {
  const points: [when: string, point: CrashPoint][] = [
    [
      'after it took the job, before its claim reaches the ledger',
      { at: ({ kill }) => redisProxy.once(patterns.claim, 'before', kill) },
    ],
    [
      'after its claim is made, before it gets the reply',
      {
        at: ({ kill, state }) => redisProxy.once(patterns.claim, 'after', () => state('ROTATING').then(kill)),
      },
    ],
    [
      'after its claim, before the request reaches upstream',
      { at: ({ kill }) => upstreamProxy.once(POST, 'before', kill) },
    ],
    [
      'after the request reached upstream, where it never takes effect',
      { fault: { kind: 'hangBefore' }, at: ({ kill }) => untilRequested(kill) },
    ],
    [
      'after the request reached upstream, where it takes effect later',
      {
        fault: { kind: 'commitLate', delayMs: 400 },
        at: ({ kill }) => redisProxy.once(patterns.unknown, 'before', kill),
        changes: 3,
      },
    ],
    [
      'after the request took effect, with its response lost',
      { fault: { kind: 'hangAfterCommit' }, at: ({ kill }) => untilRequested(kill), changes: 3 },
    ],
    [
      'after the request took effect, before it gets the response',
      { at: ({ kill }) => upstreamProxy.once(POST, 'after', kill), changes: 3 },
    ],
    [
      'after the response, before its commit reaches the ledger',
      { at: ({ kill }) => redisProxy.once(patterns.commit, 'before', kill), changes: 3 },
    ],
    [
      'after its commit, before it gets the reply',
      {
        at: ({ kill, state }) =>
          redisProxy.once(patterns.commit, 'after', () => state('SUCCEEDED').then(kill)),
      },
    ],
    [
      'after its commit, before the job is completed',
      { at: ({ kill }) => redisProxy.once('{rekey}:bull:rotations:completed', 'before', kill) },
    ],
    [
      'before it records that the outcome is unknown',
      { fault: lost, at: ({ kill }) => redisProxy.once(patterns.unknown, 'before', kill), changes: 3 },
    ],
    [
      'after it recorded that the outcome is unknown',
      {
        fault: lost,
        at: ({ kill, state }) =>
          redisProxy.once(patterns.unknown, 'after', () => state('RECONCILING').then(kill)),
        changes: 3,
      },
    ],
    [
      'before its read reaches upstream',
      { fault: lost, at: ({ kill }) => upstreamProxy.once(GET, 'before', kill), changes: 3 },
    ],
    [
      'before it gets the response of its read',
      { fault: lost, at: ({ kill }) => upstreamProxy.once(GET, 'after', kill), changes: 3 },
    ],
    [
      'before the commit of its read reaches the ledger',
      { fault: lost, at: ({ kill }) => redisProxy.once(patterns.commit, 'before', kill), changes: 3 },
    ],
    [
      'after the commit of its read, before it gets the reply',
      {
        fault: lost,
        at: ({ assistantId, kill }) =>
          redisProxy.once(patterns.commit, 'after', () => twoVersions(assistantId).then(kill)),
        changes: 3,
      },
    ],
    [
      'while it waits for the window to end, with the key found and published',
      {
        fault: lost,
        at: ({ assistantId, kill }) => twoVersions(assistantId).then(untilPostponed).then(kill),
        changes: 3,
      },
    ],
    [
      'after the window, with the key found and published, before the next claim',
      {
        fault: lost,
        at: ({ kill, state }) => redisProxy.once(patterns.release, 'after', () => state('QUEUED').then(kill)),
        changes: 3,
      },
    ],
    [
      'after the window, before the rotation is settled',
      {
        fault: lost,
        seen: true,
        at: ({ kill }) => redisProxy.once(patterns.settle, 'before', kill),
        ends: readBack,
      },
    ],
    [
      'after the rotation is settled, before it gets the reply',
      {
        fault: lost,
        seen: true,
        at: ({ kill, state }) =>
          redisProxy.once(patterns.settle, 'after', () => state('SUCCEEDED').then(kill)),
        ends: readBack,
      },
    ],
    [
      'after a refusal, before it returns the rotation to the queue',
      { fault: limited, at: ({ kill }) => redisProxy.once(patterns.release, 'before', kill) },
    ],
    [
      'after it returned the rotation to the queue, before the next claim',
      {
        fault: limited,
        at: ({ kill, state }) => redisProxy.once(patterns.release, 'after', () => state('QUEUED').then(kill)),
      },
    ],
    [
      'after it found the key unchanged, before the next claim',
      {
        fault: unavailable,
        at: ({ kill, state }) => redisProxy.once(patterns.release, 'after', () => state('QUEUED').then(kill)),
      },
    ],
    [
      'before a failure reaches the ledger',
      {
        fault: { ...gone, times: 2 },
        at: ({ kill }) => redisProxy.once(patterns.fail, 'before', kill),
        ends: failed,
        changes: 1,
      },
    ],
    [
      'after the rotation has failed, before it gets the reply',
      {
        fault: gone,
        at: ({ kill, state }) => redisProxy.once(patterns.fail, 'after', () => state('FAILED').then(kill)),
        ends: failed,
        changes: 1,
      },
    ],
  ];
  it.each(inCheck(IN_CHECK, points))(
    '%s leaves the rest to the next worker',
    async (_when, { fault, seen, at, ends = rotated, changes = 2 }) => {
      const assistantId = await published();
      if (fault) await system.admin('POST', '/faults', { assistantId, ...fault });
      const ids: string[] = [];
      const killed = at({
        assistantId,
        kill: () => worker.child.kill(),
        state: (wanted) =>
          eventually(
            async () => ids[0] && (await system.redis.hget(`{rekey}:rotation:${ids[0]}`, 'state')),
            (state) => state === wanted,
          ),
      });
      ids.push(seen ? await rotateOnceSeen(assistantId) : (await system.rotate(assistantId)).id);
      await killed;
      worker = await startWorker();
      expect(await system.waitFor(ids[0]!)).toMatchObject(ends);
      await untilQueuesAreEmpty(system);
      expect(await rotationsOf(assistantId)).toBe(changes);
      await expectTruth(system);
    },
  );
});

/** Requests a rotation, and queues its job only after a check has read the key. */
const rotateOnceSeen = async (assistantId: string): Promise<string> => {
  const ledger = openLedger(system.redis, { prefix: 'rekey' });
  const queue = createRotationQueue(system.redis, ledger.keys);
  const target = { orgId: 'org_demo', assistantId };
  const { rotation } = await ledger.rotations.accept(
    `rot_01ARZ3NDEKTSV4RRFFQ69G5${String(next).padStart(3, '0')}`,
    {
      ...target,
      reason: '',
    },
  );
  const askedMs = Number(await system.redis.hget(`{rekey}:rotation:${rotation.id}`, 'created'));
  await sleep(READ_LAG_MS);
  await ledger.assistants.requestCheck(target, 0);
  await eventually(
    () => system.redis.hget(`{rekey}:assistant:${assistantId}`, 'verified'),
    (verified) => Number(verified) > askedMs,
  );
  await queue.add({ rotationId: rotation.id, ...target });
  await queue.close();
  return rotation.id;
};
const untilRequested = async (then: () => Promise<void>): Promise<void> => {
  const { rotate } = await system.admin('GET', '/counts');
  await eventually(
    () => system.admin('GET', '/counts'),
    (counts) => counts.rotate === rotate + 1,
  );
  await then();
};
const twoVersions = (assistantId: string): Promise<unknown> =>
  eventually(
    () => versionsOf(assistantId),
    ({ length }) => length === 2,
  );
const untilPostponed = (): Promise<unknown> =>
  eventually(
    () => system.redis.zcard('{rekey}:bull:rotation-follow-ups:delayed'),
    (jobs) => jobs === 1,
  );
